#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "backend/resp/connection.hpp"
#include "probe/coding.hpp"
#include "probe/lane.hpp"
#include "probe/load.hpp"

namespace kv::probe {

/// The keys of values that a probe has stored, all alike: value i modulo `values` lies under messages() keys.
struct Ring {
  std::vector<std::string> keys;  ///< values x messages, a value's one after the other
  std::uint32_t values = 0;
};

/// A connection to a server that carries a Load with the commands of the data plane: GET into the caller's room, SET
/// from where the value lies, EXISTS. With a codec other than raw a value is encoded before it is sent and decoded
/// after it has come. What it points to outlives it.
class RespLane final : public Lane {
 public:
  /// `first`: of the ring, where this lane begins, so that lanes do not march in step. `coding`: null for none.
  RespLane(std::unique_ptr<resp::Connection> connection, const Load& load, const Ring& ring, std::uint32_t first,
           const resp::SetCommand& set, Coding* coding);

  Result<void> submit() override;
  Result<bool> step() override;
  int descriptor() const override { return connection_->descriptor(); }
  bool wants_to_send() const override { return connection_->wants_to_send(); }

 private:
  Result<void> check_reply();

  std::unique_ptr<resp::Connection> connection_;
  Load load_;
  const Ring& ring_;
  const resp::SetCommand& set_;
  Coding* coding_;
  std::uint64_t first_, submitted_ = 0, completed_ = 0;  // operations
  std::uint32_t replies_ = 0;                            // of the operation that completes next
};

}  // namespace kv::probe
