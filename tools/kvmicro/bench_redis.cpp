// GET and SET on private servers, client and server sharing this machine, and hiredis's plain calls beside them.
// Names: get/WIRE/bytes/connections/depth. Depth 1 is what `redis-benchmark -P 1` does.
#include <hiredis/hiredis.h>

#include "server.hpp"

namespace {

using kvmicro::Wire;

constexpr std::int64_t kSmall = 64 << 10, kMiB = kvmicro::kMiBClass, kLarge = 64 << 20;

void move(benchmark::State& state, Wire wire, bool set) {
  const auto bytes = static_cast<std::size_t>(state.range(0)), connections = static_cast<std::size_t>(state.range(1));
  const auto depth = static_cast<std::size_t>(state.range(2));
  auto fleet = kvmicro::Fleet::open(wire, connections, bytes);
  if (!fleet) return state.SkipWithError(fleet.error().message.c_str());
  const std::size_t batches = bytes >= kLarge ? 1 : 32 / depth;
  const kvmicro::WireRate rate({wire, set, bytes, connections, depth});
  for (auto _ : state) {
    const auto moved = set ? fleet->set(batches, depth) : fleet->get(batches, depth);
    if (!moved) return state.SkipWithError(moved.error().message.c_str());
  }
  rate.set(state, bytes * connections * batches * depth);
}
void get(benchmark::State& state, Wire wire) { move(state, wire, false); }
void set(benchmark::State& state, Wire wire) { move(state, wire, true); }

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"bytes", "connections", "depth"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t bytes : {kSmall, kMiB}) {
    for (const std::int64_t connections : {1, 8}) {
      for (const std::int64_t depth : {1, 16}) benchmark->Args({bytes, connections, depth});
    }
  }
  benchmark->Args({kLarge, 1, 1});
}
BENCHMARK_CAPTURE(get, tcp, Wire::tcp)->Apply(shapes);
BENCHMARK_CAPTURE(get, unix, Wire::unix_socket)->Apply(shapes);
BENCHMARK_CAPTURE(set, tcp, Wire::tcp)->Apply(shapes);
BENCHMARK_CAPTURE(set, unix, Wire::unix_socket)->Apply(shapes);

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(void* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;

template <class... Args>
bool ask(redisContext& context, int wanted, const char* format, const Args&... args) {
  const std::unique_ptr<void, FreeReply> reply(redisCommand(&context, format, args...));
  return reply && static_cast<const redisReply*>(reply.get())->type == wanted;
}

Context connect_plainly(Wire wire) {
  const auto endpoint = kvmicro::server(wire);
  if (!endpoint) return nullptr;
  Context context(endpoint->host.empty() ? redisConnectUnix(endpoint->socket_path.c_str())
                                         : redisConnect(endpoint->host.c_str(), endpoint->port));
  if (!context || context->err != 0) return nullptr;
  if (!endpoint->password.empty() && !ask(*context, REDIS_REPLY_STATUS, "AUTH %s", endpoint->password.c_str())) {
    return nullptr;
  }
  return context;
}

void hiredis(benchmark::State& state, Wire wire, bool set) {
  const Context context = connect_plainly(wire);
  const std::string value(static_cast<std::size_t>(state.range(0)), 'k');
  const auto store = [&] {
    return ask(*context, REDIS_REPLY_STATUS, "SET kvmicro:plain %b", value.data(), value.size());
  };
  if (!context || !store()) return state.SkipWithError("no server");
  const kvmicro::WireRate rate({wire, set, value.size()});
  for (auto _ : state) {
    const bool moved = set ? store() : ask(*context, REDIS_REPLY_STRING, "GET kvmicro:plain");
    if (!moved) return state.SkipWithError("the server refused");
  }
  rate.set(state, value.size());
}
void hiredis_get(benchmark::State& state, Wire wire) { hiredis(state, wire, false); }
void hiredis_set(benchmark::State& state, Wire wire) { hiredis(state, wire, true); }

void plain_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("bytes")->Arg(kSmall)->Arg(kMiB)->UseRealTime()->Unit(benchmark::kMicrosecond);
}
BENCHMARK_CAPTURE(hiredis_get, tcp, Wire::tcp)->Apply(plain_shapes);
BENCHMARK_CAPTURE(hiredis_get, unix, Wire::unix_socket)->Apply(plain_shapes);
BENCHMARK_CAPTURE(hiredis_set, tcp, Wire::tcp)->Apply(plain_shapes);
BENCHMARK_CAPTURE(hiredis_set, unix, Wire::unix_socket)->Apply(plain_shapes);

}  // namespace
