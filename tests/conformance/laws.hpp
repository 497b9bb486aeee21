#pragma once
#include <functional>
#include <memory>
#include <string>

#include "backend/backend.hpp"

namespace kv::test {

/// A way to make a backend that is to keep the laws, empty and not started.
struct Subject {
  std::function<std::unique_ptr<Backend>()> make;
  bool remote = false;
  bool stores = true;           ///< false: takes nothing, and finds nothing
  std::size_t more_chunks = 0;  ///< than one that a body of 100,000 bytes is cut into
};

/// Makes what SPEC says, or fails the test.
std::unique_ptr<Backend> make(const std::string& spec);

Needs needs(std::uint32_t parts, std::size_t max_body_bytes);

/// Everything that a backend must do; each law is held on a fresh backend.
void keeps_the_laws(const Subject& subject);

/// Of a backend with room for some 40 of 100 blocks of `block_bytes`: what it holds stays within `capacity`.
void stays_within_capacity(Backend& backend, std::size_t block_bytes, Bytes capacity);

/// Puts whole blocks of `bytes` a part where they are wanted; returns how many parts were stored.
std::size_t store(Session& session, const std::vector<std::uint64_t>& blocks, std::uint32_t parts, std::size_t bytes);
/// Fetches all parts of a block; true if each is a hit with the bytes that store() wrote.
bool fetch(Session& session, std::uint64_t block, std::uint32_t parts, std::size_t bytes);
/// The lease of a lookup that must succeed; give it back.
Lease look(Session& session, const std::vector<std::uint64_t>& blocks, std::size_t bytes = 0);

}  // namespace kv::test
