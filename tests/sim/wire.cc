#include "sim/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/payload.h"

namespace gatehouse::sim {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t n = 0;
  auto r = std::from_chars(text.data(), text.data() + text.size(), n, base);
  if (r.ec != std::errc{} || r.ptr != text.data() + text.size()) return std::nullopt;
  return n;
}

}  // namespace

std::string WireHead::value(std::string_view name) const {
  for (const auto& f : fields)
    if (same_name(f.first, name)) return f.second;
  return {};
}

std::size_t WireHead::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields, [&](const auto& f) { return same_name(f.first, name); }));
}

std::optional<WireBody> framing_of(const WireHead& head, BodyKind no_framing) {
  if (head.count("content-length") + head.count("transfer-encoding") > 1) return std::nullopt;
  if (head.has("transfer-encoding")) {
    if (head.value("transfer-encoding") != "chunked") return std::nullopt;
    return WireBody{BodyKind::chunked, 0};
  }
  if (!head.has("content-length")) return WireBody{no_framing, 0};
  auto n = number(head.value("content-length"), 10);
  if (!n) return std::nullopt;
  return WireBody{BodyKind::length, *n};
}

net::Task<bool> WireReader::more(Duration patience) {
  if (stopped()) {
    end_ = WireEnd::timeout;
    co_return false;
  }
  if (delay_ > Duration(0)) co_await net::sleep_for(stream_.loop(), delay_);
  auto bytes = co_await stream_.recv(size_, after(stream_.loop().now(), patience));
  if (!bytes) {
    end_ = bytes.error().code == Errc::io_timeout ? WireEnd::timeout : WireEnd::reset;
    co_return false;
  }
  if (bytes->empty()) {
    end_ = WireEnd::fin;
    co_return false;
  }
  received_ += bytes->size();
  buffer_ += bytes->view();
  co_return true;
}

net::Task<bool> WireReader::line(std::string& out, Duration patience) {
  std::size_t at;
  while ((at = buffer_.find("\r\n")) == std::string::npos)
    if (!co_await more(patience)) co_return false;
  out = buffer_.substr(0, at);
  buffer_.erase(0, at + 2);
  co_return true;
}

net::Task<bool> WireReader::fields(WireHead& out, Duration patience) {
  for (std::string text;;) {
    if (!co_await line(text, patience)) co_return false;
    if (text.empty()) co_return true;
    auto colon = text.find(':');
    if (colon == std::string::npos || colon == 0) co_return fail();
    auto value = text.find_first_not_of(" \t", colon + 1);
    out.fields.emplace_back(text.substr(0, colon), value == std::string::npos ? "" : text.substr(value));
  }
}

net::Task<bool> WireReader::head(WireHead& out, Duration patience) {
  out = {};
  if (!co_await line(out.line, patience)) co_return false;
  co_return co_await fields(out, patience);
}

net::Task<bool> WireReader::take(std::size_t n, std::string& out, Duration patience) {
  while (n > 0) {
    if (buffer_.empty() && !co_await more(patience)) co_return false;
    std::size_t some = std::min(n, buffer_.size());
    out.append(buffer_, 0, some);
    buffer_.erase(0, some);
    n -= some;
  }
  co_return true;
}

net::Task<bool> WireReader::chunks(std::string& out, WireHead& trailers, Duration patience) {
  for (std::string text;;) {
    if (!co_await line(text, patience)) co_return false;
    auto n = number(text, 16);
    if (!n) co_return fail();
    if (*n == 0) co_return co_await fields(trailers, patience);
    if (!co_await take(*n, out, patience)) co_return false;
    if (!co_await line(text, patience)) co_return false;
    if (!text.empty()) co_return fail();
  }
}

net::Task<bool> WireReader::body(WireBody framing, std::string& out, WireHead& trailers, Duration patience) {
  switch (framing.kind) {
    case BodyKind::none: co_return true;
    case BodyKind::length: co_return co_await take(framing.length, out, patience);
    case BodyKind::chunked: co_return co_await chunks(out, trailers, patience);
    case BodyKind::until_close: break;
  }
  while (co_await take(std::max<std::size_t>(1, buffer_.size()), out, patience)) {
  }
  co_return end_ == WireEnd::fin;
}

net::Task<bool> WireReader::some(std::string& out, Duration patience) {
  if (buffer_.empty() && !co_await more(patience)) co_return false;
  out += buffer_;
  buffer_.clear();
  co_return true;
}

net::Task<bool> WireReader::ended(Duration patience) {
  if (!buffer_.empty()) co_return false;
  if (end_ == WireEnd::fin || end_ == WireEnd::reset) co_return true;
  if (co_await more(patience)) co_return false;
  co_return end_ != WireEnd::timeout;
}

net::Task<bool> send_text(net::Stream& stream, std::string text, Duration patience) {
  net::SliceList out;
  out.add(Slice::unowned(text));  // the text lives in this frame as long as the operation does
  auto sent = co_await stream.send(std::move(out), patience);
  co_return sent.has_value();
}

std::string wire_body(std::uint64_t id, const BodyPlan& plan, bool broken) {
  std::string_view bytes = payload(id, plan.size);
  if (plan.kind == BodyKind::none) return {};
  if (plan.kind != BodyKind::chunked) return std::string(bytes);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += plan.chunk) {
    std::string_view piece = bytes.substr(at, plan.chunk);
    if (broken && at + plan.chunk >= bytes.size() / 2) return out + "xyz\r\n" + std::string(piece);
    // every way to write a size that is allowed
    out += at % 3 == 0   ? fmt::format("{:x}\r\n", piece.size())
           : at % 3 == 1 ? fmt::format("0{:X}\r\n", piece.size())
                         : fmt::format("{:x};a=b\r\n", piece.size());
    out += piece;
    out += "\r\n";
  }
  if (broken) return out + "xyz\r\n";
  out += "0\r\n";
  if (plan.trailers) out += fmt::format("{}: {}\r\n", kTrailer, id);
  return out + "\r\n";
}

std::uint64_t request_id_in(std::string_view path) noexcept {
  std::uint64_t id = 0;
  for (auto at = path.find("/r"); at != std::string_view::npos && id == 0; at = path.find("/r", at + 1))
    std::from_chars(path.data() + at + 2, path.data() + path.size(), id);
  return id;
}

}  // namespace gatehouse::sim
