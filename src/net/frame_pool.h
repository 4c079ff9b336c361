// Free lists for coroutine frames: a request allocates no memory from the system in steady state.
#pragma once

#include <cstddef>

namespace gatehouse::net {

// Per thread: a frame must be destroyed on the thread that made it, which is the rule for tasks anyway.
// Reached through thread-local storage because a promise's operator new has no other way to its worker.
void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace gatehouse::net
