#pragma once
#include <memory>
#include <span>
#include <vector>

#include "conformance/laws.hpp"

namespace kv::test {

inline constexpr std::uint64_t kSpace = 0xfeed;
inline constexpr std::size_t kSmall = 4096;
using Bytes1 = std::vector<std::byte>;

/// Header and body of a part, told apart from every other's.
Bytes1 value(std::uint64_t block, std::uint32_t part, std::size_t body_bytes);
Op op(Op::Kind kind, std::uint32_t block, std::uint32_t part, Bytes1& bytes);
/// A batch to its end, or for a minute.
std::vector<Done> run(Session& session, const Lease& lease, std::span<const Op> batch);
std::unique_ptr<Backend> started(const Subject& subject, std::uint32_t parts, std::size_t bytes);
std::unique_ptr<Session> opened(Backend& backend);
std::vector<bool> present(Session& session, const std::vector<std::uint64_t>& blocks);

}  // namespace kv::test
