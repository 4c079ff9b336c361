#include "filters/limits/kept_limits.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

namespace gatehouse::filters {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kName = "gatehouse limits 1\n";
constexpr std::size_t kSumBytes = sizeof(std::uint64_t);
constexpr std::size_t kPart = std::size_t{256} << 10;  // that is read at once
constexpr std::size_t kKeyBytes = KeptLimits::kKeyBytes;
constexpr std::size_t kKeysInPart = kPart / kKeyBytes;

// Takes numbers off the front of a file's part. What is not there makes it bad.
class Bytes {
 public:
  Bytes(const gateway::StateFile& file, std::size_t begin, std::size_t end) noexcept
      : file_(file), at_(begin), end_(end) {}
  template <class T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    take({reinterpret_cast<char*>(&value), sizeof value});
    return value;
  }
  std::string take(std::size_t size) {
    std::string text(size, '\0');
    take(text);
    return text;
  }
  bool good() const noexcept { return good_; }
  std::size_t at() const noexcept { return at_; }

 private:
  void take(std::span<char> into) {
    good_ = good_ && into.size() <= end_ - at_ && file_.read(at_, into) == into.size();
    if (good_) at_ += into.size();
  }
  const gateway::StateFile& file_;
  std::size_t at_;
  const std::size_t end_;
  bool good_ = true;
};

// Of the first `end` bytes.
std::uint64_t sum_of(const gateway::StateFile& file, std::size_t end) {
  Hash64 sum;
  std::vector<char> part(kPart);
  for (std::size_t at = 0; at < end;) {
    const std::size_t size = file.read(at, std::span(part).first(std::min(kPart, end - at)));
    if (size == 0) break;
    sum.add({part.data(), size});
    at += size;
  }
  return sum.value();
}

}  // namespace

template <class T>
void KeptLimitsWriter::put(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  text_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

KeptLimitsWriter::KeptLimitsWriter(const SipKey& secret, WallTime at) : text_(kName) {
  put(secret);
  put(std::int64_t{at.time_since_epoch().count()});
  count_at_ = text_.size();
  put(limits_);
}

void KeptLimitsWriter::add_limit(std::string_view identity, const Portion& portion, std::int64_t debt) {
  put(static_cast<std::uint32_t>(identity.size()));
  text_ += identity;
  put(portion.interval);
  put(portion.level);
  put(debt);
  ++limits_;
  std::memcpy(text_.data() + count_at_, &limits_, sizeof limits_);
}

void KeptLimitsWriter::add_key(const KeptKey& key) {
  std::array<char, kKeyBytes> bytes;
  std::memcpy(bytes.data(), &key.key.low, 8);
  std::memcpy(bytes.data() + 8, &key.key.high, 8);
  std::memcpy(bytes.data() + 16, &key.debt, 8);
  std::memcpy(bytes.data() + 24, &key.limit, 4);
  text_.append(bytes.data(), bytes.size());
}

std::string KeptLimitsWriter::take() {
  sum_.add(text_);
  const std::size_t size = text_.size();
  std::string part = std::exchange(text_, {});
  text_.reserve(size);  // the next is likely as long
  return part;
}

std::string KeptLimitsWriter::finish() {
  sum_.add(text_);
  put(sum_.value());
  return std::move(text_);
}

std::expected<KeptLimits, std::string> KeptLimits::read(const gateway::StateFile& file) {
  const auto wrong = [](const char* why) { return std::unexpected(std::string(why)); };
  if (Bytes name(file, 0, file.size()); name.take(kName.size()) != kName)
    return wrong("it is no such file of this version");
  if (file.size() < kName.size() + kSumBytes) return wrong("it is cut off");
  const std::size_t end = file.size() - kSumBytes;
  if (Bytes sum(file, end, file.size()); sum.take<std::uint64_t>() != sum_of(file, end))
    return wrong("it is damaged or cut off");

  KeptLimits kept(file);
  Bytes in(file, kName.size(), end);
  kept.secret_ = in.take<SipKey>();
  kept.at_ = WallTime(Duration(in.take<std::int64_t>()));
  if (kept.at_ < WallTime{}) return wrong("it is of an impossible time");
  const auto limits = in.take<std::uint32_t>();
  if (limits > kMostLimits) return wrong("it has too many limits");
  for (std::uint32_t i = 0; i < limits && in.good(); ++i) {
    const auto size = in.take<std::uint32_t>();
    if (size > kLongestIdentity) return wrong("a limit's name is too long");
    Limit limit;
    limit.identity = in.take(size);
    limit.portion.interval = in.take<std::int64_t>();
    limit.portion.level = in.take<std::int64_t>();
    limit.debt = in.take<std::int64_t>();
    if (in.good() && (limit.portion.interval < 1 || limit.portion.level < limit.portion.interval ||
                      limit.debt < 0 || limit.debt > limit.portion.level))
      return wrong("a limit in it has impossible numbers");
    kept.limits_.push_back(std::move(limit));
  }
  if (!in.good() || (end - in.at()) % kKeyBytes != 0) return wrong("it ends in the middle");
  kept.first_key_ = in.at();
  kept.keys_ = (end - in.at()) / kKeyBytes;
  return kept;
}

KeptKeys::KeptKeys(const KeptLimits& kept)
    : file_(*kept.file_),
      at_(kept.first_key_),
      left_(kept.keys_),
      bytes_(std::min(left_, kKeysInPart) * kKeyBytes),
      keys_(std::min(left_, kKeysInPart)) {}

std::span<const KeptKey> KeptKeys::next() {
  const std::size_t wanted = std::min(left_, keys_.size());
  const std::size_t count = file_.read(at_, std::span(bytes_).first(wanted * kKeyBytes)) / kKeyBytes;
  for (std::size_t i = 0; i < count; ++i) {
    const char* at = bytes_.data() + i * kKeyBytes;
    KeptKey& key = keys_[i];
    std::memcpy(&key.key.low, at, 8);
    std::memcpy(&key.key.high, at + 8, 8);
    std::memcpy(&key.debt, at + 16, 8);
    std::memcpy(&key.limit, at + 24, 4);
  }
  at_ += count * kKeyBytes;
  left_ = count < wanted ? 0 : left_ - count;
  return std::span(keys_).first(count);
}

}  // namespace gatehouse::filters
