// Mutable state that outlives snapshots: looked up by stable identity, so that a reload keeps counts, health,
// budgets.
//
// Thread: control, at compile time. What it hands out is shared; each such type says how it may be used.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

namespace gatehouse::gateway {

// Labels of the requests that are counted together. The index is dense and stable for the life of the
// process.
struct SeriesLabels {
  std::string route;
  std::string service;
  std::string version;
};

// What is the same for the whole life of the process.
struct ProcessFacts {
  unsigned workers = 1;
  std::array<std::uint8_t, 32> secret{};  // random; for hashes whose keys an attacker must not know
};

class StateRegistry {
 public:
  const ProcessFacts& process() const noexcept { return process_; }
  void set_process(const ProcessFacts& facts) noexcept { process_ = facts; }  // before the first compile

  // The state of type T under `key`, made by `make()` (a shared_ptr<T>) if there is none.
  template <class T, class Make>
  std::shared_ptr<T> get(std::string_view key, Make make) {
    auto& entry = entries_[{std::type_index(typeid(T)), std::string(key)}];
    if (!entry) entry = make();
    return std::static_pointer_cast<T>(entry);
  }
  template <class T>
  std::shared_ptr<T> get(std::string_view key) {
    return get<T>(key, [] { return std::make_shared<T>(); });
  }
  // Null: there is none.
  template <class T>
  std::shared_ptr<T> find(std::string_view key) const {
    const auto entry = entries_.find({std::type_index(typeid(T)), std::string(key)});
    return entry == entries_.end() ? nullptr : std::static_pointer_cast<T>(entry->second);
  }
  // Forgets what nobody else holds; after a publication that all workers have acknowledged.
  void collect() {
    std::erase_if(entries_, [](const auto& e) { return e.second.use_count() == 1; });
  }

  std::uint32_t next_index() noexcept { return next_index_++; }  // never given twice

  std::uint32_t series(const SeriesLabels& labels) {
    auto key = labels.route + '\n' + labels.service + '\n' + labels.version;
    auto [it, added] = series_index_.try_emplace(std::move(key), static_cast<std::uint32_t>(series_.size()));
    if (added) series_.push_back(labels);
    return it->second;
  }
  // Forgets the series from `count` on. Only those that no snapshot in force has ever had: what was counted
  // in the cells of an index stays there.
  void keep_series(std::size_t count) {
    std::erase_if(series_index_, [count](const auto& s) { return s.second >= count; });
    series_.resize(std::min(series_.size(), count));
  }
  const std::vector<SeriesLabels>& all_series() const noexcept { return series_; }

 private:
  ProcessFacts process_;
  std::map<std::pair<std::type_index, std::string>, std::shared_ptr<void>> entries_;
  std::uint32_t next_index_ = 0;
  std::map<std::string, std::uint32_t> series_index_;
  std::vector<SeriesLabels> series_;
};

}  // namespace gatehouse::gateway
