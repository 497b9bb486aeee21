#include "net/transport.hpp"

#include "net/socket.hpp"

namespace kv::net {
namespace {

class SocketTransport final : public Transport {
 public:
  explicit SocketTransport(Descriptor socket) : socket_(std::move(socket)) {}

  Result<std::size_t> send(std::span<iovec> pieces) override {
    auto n = send_pieces(socket_.fd(), pieces);
    if (n) out_ += *n;
    return n;
  }
  Result<std::size_t> receive(std::span<iovec> pieces) override {
    auto n = receive_pieces(socket_.fd(), pieces);
    if (n) in_ += *n;
    return n;
  }
  int descriptor() const override { return socket_.fd(); }
  std::uint64_t bytes_in() const override { return in_; }
  std::uint64_t bytes_out() const override { return out_; }

 private:
  Descriptor socket_;
  std::uint64_t in_ = 0, out_ = 0;
};

}  // namespace

std::unique_ptr<Transport> over_socket(Descriptor socket) {
  return std::make_unique<SocketTransport>(std::move(socket));
}

}  // namespace kv::net
