#include "filters/limits/kept_limits.h"

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

namespace gatehouse::filters {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kName = "gatehouse limits 1\n";
constexpr std::size_t kKeyBytes = 28;

// Takes numbers off the front. What is not there makes it bad.
class Bytes {
 public:
  explicit Bytes(std::string_view rest) noexcept : rest_(rest) {}
  template <class T>
  T take() noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const std::string_view bytes = take(sizeof value);
    if (good_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view take(std::size_t size) noexcept {
    good_ = good_ && size <= rest_.size();
    if (!good_) return {};
    const std::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return front;
  }
  bool good() const noexcept { return good_; }
  std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

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

std::expected<KeptLimits, std::string> KeptLimits::parse(std::string text) {
  const auto wrong = [](const char* why) { return std::unexpected(std::string(why)); };
  if (!text.starts_with(kName)) return wrong("it is no such file of this version");
  if (text.size() < kName.size() + sizeof(std::uint64_t)) return wrong("it is cut off");
  const std::string_view whole = std::string_view(text).substr(0, text.size() - sizeof(std::uint64_t));
  std::uint64_t sum = 0;
  std::memcpy(&sum, text.data() + whole.size(), sizeof sum);
  if (sum != hash64(whole)) return wrong("it is damaged or cut off");

  KeptLimits kept;
  Bytes in(whole.substr(kName.size()));
  kept.secret_ = in.take<SipKey>();
  kept.at_ = WallTime(Duration(in.take<std::int64_t>()));
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
  if (!in.good() || in.rest().size() % kKeyBytes != 0) return wrong("it ends in the middle");
  kept.first_key_ = whole.size() - in.rest().size();
  kept.keys_ = in.rest().size() / kKeyBytes;
  kept.text_ = std::move(text);
  return kept;
}

KeptKey KeptLimits::key(std::size_t i) const noexcept {
  const char* at = text_.data() + first_key_ + i * kKeyBytes;
  KeptKey key;
  std::memcpy(&key.key.low, at, 8);
  std::memcpy(&key.key.high, at + 8, 8);
  std::memcpy(&key.debt, at + 16, 8);
  std::memcpy(&key.limit, at + 24, 4);
  return key;
}

}  // namespace gatehouse::filters
