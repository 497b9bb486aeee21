#pragma once

namespace kv::test {

/// Which suite tries a backend: one that needs what not every machine has is a suite of its own, to be skipped there.
enum class Suite { memory, device, redis };

/// Holds every row of the registry that belongs to `suite` to the laws, made from a SPEC as users do. A row that
/// subjects.cpp does not know fails, in every suite.
void registered_keep_the_laws(Suite suite);

}  // namespace kv::test
