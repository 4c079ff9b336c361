// Heads written anew from the parsed form: nothing that a peer sent passes through unread, and exactly one
// framing goes out. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "http/framing.h"
#include "http/message.h"

namespace gatehouse::http {

// How the body that follows is framed, decided by who sends it.
struct H1Out {
  Framing framing{};         // none: no field at all, unless `zero_length`
  bool zero_length = false;  // write `Content-Length: 0`
  bool length_as_given =
      false;                // answers to HEAD and 304: keep a Content-Length in the table, there is no body
  bool close = false;       // write `Connection: close`
  bool keep_alive = false;  // write `Connection: keep-alive` (HTTP/1.0 clients)
  std::string_view
      upgrade{};  // write `Connection: Upgrade` and `Upgrade: ...`: the offer of a tunnel, or its 101
};

// An upper bound of the bytes that the head can need. Without `path_and_query` the target is head.path +
// head.query.
std::size_t head_size_bound(const RequestHead& head) noexcept;
std::size_t head_size_bound(const RequestHead& head, std::string_view path_and_query) noexcept;
std::size_t head_size_bound(const ResponseHead& head) noexcept;

// Both write into `out` (at least head_size_bound bytes) and return the bytes written. Hop-by-hop and framing
// names in the table are skipped (by header_info's policy); the caller has removed what `Connection` named.
// Values hold no CR, LF or NUL: the readers refuse them and filters check theirs; here it is asserted.
//
// Host comes first and from head.host; a Host in the table is skipped.
std::size_t write_request_head(const RequestHead& head, std::string_view path_and_query, const H1Out& how,
                               std::span<char> out) noexcept;
// `date`: value of a Date field to add if the table has none; empty = none.
std::size_t write_response_head(const ResponseHead& head, const H1Out& how, std::string_view date,
                                std::span<char> out) noexcept;
// "HTTP/1.1 103 Early Hints\r\n...": an interim head, without framing.
std::size_t write_interim_head(const ResponseHead& head, std::span<char> out) noexcept;

// Trailer fields and the end of a chunked body: "0\r\n" fields "\r\n". Fields that may not stand in trailers
// are skipped; `trailers` may be nullptr.
std::size_t trailers_size_bound(const HeaderTable& trailers) noexcept;
std::size_t write_last_chunk(const HeaderTable* trailers, std::span<char> out) noexcept;

}  // namespace gatehouse::http
