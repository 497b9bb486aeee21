#pragma once

namespace kv {

/// Whether a fetch decodes one step while it transfers the next, and a store encodes one while it transfers the last.
enum class Overlap { automatic, on, off };

}  // namespace kv
