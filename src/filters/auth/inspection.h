// Credentials looked at step by step, for people: what `explain` and `token inspect` say. The same judges as
// for requests, without their caches; what a request would wait for is said to be undecided.
#pragma once

#include <memory>

#include "filters/auth/auth_policy.h"
#include "filters/auth/key_source.h"
#include "gateway/identity.h"

namespace gatehouse::filters {

// Both belong to the snapshot that the inspector is put into.
std::shared_ptr<gateway::CredentialInspector> credential_inspector(const AuthPolicy& policy,
                                                                   const KeySources& sources);

}  // namespace gatehouse::filters
