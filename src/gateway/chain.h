// The compiled chain of a route: flat arrays of steps, made once a snapshot. Position is one integer.
//
// A filter is an immutable object in the snapshot; its data of one request is a slot whose place was fixed
// when the chain was compiled. A filter without a response step costs nothing on the response.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <typeindex>
#include <vector>

#include "base/error.h"
#include "gateway/verdict.h"

namespace gatehouse::gateway {

class Exchange;

// A refusal of the gateway's own, before it is sent: no route, wrong method, a step's 401 or 403.
struct Refusal {
  Error error;
  std::uint64_t allowed = 0;  // wrong method: for Router::allow_text
};

// `reply` means the request is answered: no further request step runs and the target is not asked. A step
// that refuses with a failure of the table says so through Exchange::refuse, so that refusal steps see it.
struct RequestStep {
  Verdict (*run)(const void* filter, Exchange& x);
  const void* filter;
};
// May change the reply in place; `reply` replaces it.
struct ResponseStep {
  Verdict (*run)(const void* filter, Exchange& x, Reply& reply);
  const void* filter;
};
// Asked in turn when the attempts ended in an error before a head; the first `reply` wins.
struct FailureStep {
  Verdict (*run)(const void* filter, Exchange& x, const Error& error);
  const void* filter;
};
// Knows client address, listener (both from the exchange) and reason; may charge, or replace the reply.
struct RefusalStep {
  Verdict (*run)(const void* filter, Exchange& x, const Refusal& refusal, Reply& reply);
  const void* filter;
};

// Filters of a snapshot, destroyed with it.
class FilterStore {
 public:
  template <class T>
  const T* own(T filter) {
    auto p = std::make_shared<const T>(std::move(filter));
    const T* raw = p.get();
    filters_.push_back(std::move(p));
    return raw;
  }
  // The one T of the snapshot, which all of its routes and listeners share: made by `make()` (a
  // shared_ptr<T>) for the first that asks. It may be added to until the snapshot is compiled.
  template <class T, class Make>
  std::shared_ptr<T> shared(Make make) {
    auto& entry = shared_[std::type_index(typeid(T))];
    if (!entry) entry = make();
    return std::static_pointer_cast<T>(entry);
  }
  template <class T>
  std::shared_ptr<const T> find() const {  // null: nobody asked for one
    auto entry = shared_.find(std::type_index(typeid(T)));
    return entry == shared_.end() ? nullptr : std::static_pointer_cast<const T>(entry->second);
  }

 private:
  std::vector<std::shared_ptr<const void>> filters_;
  std::map<std::type_index, std::shared_ptr<void>> shared_;
};

struct Chain {
  std::vector<RequestStep> request;
  std::vector<ResponseStep> response;  // in the order they run: the reverse of the filters' order
  std::vector<FailureStep> failure;
  std::uint32_t slot_bytes = 0;
  // A request step answers CORS preflights: they take the route of the request that they announce.
  bool answers_preflights = false;

  // A typed place for a filter's data of one request: zeroed memory, trivially destructible.
  template <class T>
  std::uint32_t reserve_slot() {
    static_assert(std::is_trivially_destructible_v<T>);
    slot_bytes = static_cast<std::uint32_t>((slot_bytes + alignof(T) - 1) & ~(alignof(T) - 1));
    std::uint32_t offset = slot_bytes;
    slot_bytes += sizeof(T);
    return offset;
  }
};

// What stands before the choice of a route, for a whole listener.
struct ListenerChain {
  std::vector<RequestStep>
      identity;  // supply late attributes (`user`, `claim.X`); run only where a `when` asks
  std::vector<RefusalStep> refusal;
};

}  // namespace gatehouse::gateway
