#include "sim/malformed.h"

namespace gatehouse::sim {

MalformedRequest malformed_request(std::uint32_t variant, std::string_view path) {
  path = path.substr(0, path.find('?'));
  std::string line = "POST " + std::string(path) + " HTTP/1.1\r\n";
  std::string host = "Host: sim.example\r\n";
  switch (variant) {
    case 0: return {line + "Host : sim.example\r\n\r\n", 400};
    case 1: return {line + "\r\n", 400};
    case 2: return {line + host + host + "\r\n", 400};
    case 3: return {line + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400};
    case 4: return {line + host + "Content-Length: +5\r\n\r\nhello", 400};
    case 5: return {line + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400};
    case 6: return {line + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400};
    case 7: return {line + host + "X: a\r\n b\r\n\r\n", 400};
    case 8: return {line + host + std::string("X: a\0b\r\n\r\n", 10), 400};
    case 9: return {"POST " + std::string(path) + " HTTP/2.0\r\n" + host + "\r\n", 505};
    case 10: return {"POST  " + std::string(path) + " HTTP/1.1\r\n" + host + "\r\n", 400};
    case 11: return {line + host + "X: " + std::string(40000, 'x') + "\r\n\r\n", 431};
    case 12:
      return {"POST " + std::string(path) + "?" + std::string(20000, 'q') + " HTTP/1.1\r\n" + host + "\r\n",
              414};
    case 13: return {line + host + "Connection: host\r\n\r\n", 400};
    case 14:
      return {"POST " + std::string(path) + "/%00 HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", 400};
    case 15: return {line + host + "Transfer-Encoding: xchunked\r\n\r\n", 400};
    case 16: return {line + "Host: a b\r\n\r\n", 400};
    default: return {line + host + "No colon here\r\n\r\n", 400};
  }
}

std::string malformed_answer(std::uint32_t variant) {
  switch (variant) {
    case 0: return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!";
    case 1: return "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n";
    case 2: return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    case 3: return "What do you want?\r\n\r\n";
    case 4: return "HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n";
    case 5: return "HTTP/1.1 200 OK\r\nX: " + std::string(70000, 'x') + "\r\nContent-Length: 0\r\n\r\n";
    case 6: return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    case 7: return "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n";
    default: return "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
  }
}

}  // namespace gatehouse::sim
