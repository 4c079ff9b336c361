// The admin API: an ordinary target behind an ordinary listener, on control's loop.
#pragma once

#include <string>
#include <string_view>

#include "gateway/exchange.h"
#include "gateway/target.h"

namespace gatehouse::control {

class Control;

// Thread: control's loop. `control` outlives the worker that serves this.
class AdminTarget final : public gateway::Target {
 public:
  static constexpr std::size_t kMaxBody = std::size_t{4} << 20;

  explicit AdminTarget(Control& control) noexcept : control_(control) {}
  net::Task<Result<gateway::Reply>> answer(gateway::Exchange& x) const override;

 private:
  Control& control_;
};

}  // namespace gatehouse::control
