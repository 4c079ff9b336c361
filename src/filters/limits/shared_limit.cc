#include "filters/limits/shared_limit.h"

#include <utility>

#include "config/values.h"

namespace gatehouse::filters {

SharedLimit::SharedLimit(std::uint32_t number, std::string name, config::LimitBy by, const Portion& portion,
                         std::size_t workers)
    : number_(number),
      name_(std::move(name)),
      by_(std::move(by)),
      workers_(workers == 0 ? 1 : workers),
      cells_(std::make_unique<Cell[]>(workers_)) {
  auto first = std::make_unique<LimitTerms>();
  first->portion = portion;
  first->before.fill(portion);
  terms_.store(first.get(), std::memory_order_release);
  all_terms_.push_back(std::move(first));
  if (!is_whole()) overflow_ = std::make_unique<std::atomic<std::uint64_t>[]>(kOverflow);
}

std::string SharedLimit::identity() const {
  return is_whole() ? name_ : name_ + " per " + config::show_limit_by(by_);
}

bool SharedLimit::set_terms(const Portion& portion) {
  const LimitTerms& now = terms();
  if (now.portion == portion) return false;
  auto next = std::make_unique<LimitTerms>(now);
  next->portion = portion;
  next->generation = (now.generation + 1) % LimitWord::kGenerations;
  next->before[next->generation] = portion;
  terms_.store(next.get(), std::memory_order_release);
  all_terms_.push_back(std::move(next));
  return true;
}

std::uint64_t SharedLimit::sum(Counter LimitCounts::* counter) const noexcept {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < workers_; ++i) all += (cells_[i].counts.*counter).value();
  return all;
}

}  // namespace gatehouse::filters
