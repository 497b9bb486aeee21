#pragma once
#include "base/result.hpp"

namespace kv::probe {

/// One connection that carries a Load: to a server, or to the far end that tells what the socket alone could do. Both
/// are driven by the same code (drive.hpp), so that what differs between them is not how they were measured. Operations
/// complete in the order in which they were submitted. After an Error a lane is of no more use. Not thread-safe.
class Lane {
 public:
  virtual ~Lane() = default;
  /// One operation more; its bytes are sent by step(). At most as many may be under way as the load has rooms.
  virtual Result<void> submit() = 0;
  /// Moves what can be moved without waiting. True: one more operation is complete. False: nothing more moves until the
  /// descriptor is ready.
  virtual Result<bool> step() = 0;
  virtual int descriptor() const = 0;
  virtual bool wants_to_send() const = 0;
};

}  // namespace kv::probe
