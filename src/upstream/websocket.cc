#include "upstream/websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstring>

namespace gatehouse::upstream {
namespace {

constexpr std::string_view kKeyName = "Sec-WebSocket-Key";
constexpr std::string_view kAcceptName = "Sec-WebSocket-Accept";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 section 1.3
constexpr std::size_t kKeySize = 24;                                        // 16 bytes in Base64

// The value of the only field of that name; empty if there is none, or more than one.
std::string_view only(const http::HeaderTable& headers, std::string_view name) noexcept {
  std::string_view found;
  for (const http::Header& h : headers) {
    if (!http::iequals(h.name, name)) continue;
    if (!found.empty()) return {};
    found = h.value;
  }
  return found;
}

}  // namespace

bool offers_websocket(const http::RequestHead& head, std::string_view upgrade, bool has_body) noexcept {
  if (head.method != http::Method::get || head.version != http::Version::http11 || has_body) return false;
  bool named = false;
  http::for_each_list_item(upgrade,
                           [&](std::string_view item) { named = named || http::iequals(item, kWebSocket); });
  return named && only(head.headers, kKeyName).size() == kKeySize;
}

bool confirms_websocket(const http::RequestHead& request, const http::ResponseHead& response,
                        std::string_view upgrade) noexcept {
  if (!http::iequals(upgrade, kWebSocket)) return false;
  const std::string_view key = only(request.headers, kKeyName);
  if (key.size() != kKeySize) return false;
  std::array<unsigned char, kKeySize + kGuid.size()> asked;
  std::memcpy(asked.data(), key.data(), kKeySize);
  std::memcpy(asked.data() + kKeySize, kGuid.data(), kGuid.size());
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(asked.data(), asked.size(), digest.data());
  std::array<unsigned char, 32> text;  // 28 and a NUL
  const int n = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return only(response.headers, kAcceptName) ==
         std::string_view(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(n));
}

}  // namespace gatehouse::upstream
