#pragma once
#include <string>
#include <string_view>

#include "plan/emit.hpp"

namespace kv {

/// Parts of emit_configuration(): a server's settings as text, of a question that was checked.

/// Text that stays within its comment line: control characters become '?'.
std::string one_line(std::string_view text);
/// `bytes` without a fraction, as servers want it.
std::string integer_text(double bytes);
/// redis, redis-cluster, valkey and own-servers differ in a few lines.
bool is_cluster(CacheKind kind);
std::string redis_conf(const EmitQuestion& question, CacheKind kind);
/// Fails (bad_input) where a machine has not the 256 MiB that Dragonfly wants for a thread.
Result<std::string> dragonfly_flags(const EmitQuestion& question);
std::string managed_parameters(const EmitQuestion& question);
std::string serverless_limits(const EmitQuestion& question);

}  // namespace kv
