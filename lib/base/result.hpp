#pragma once
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace kv {

/// What kind of trouble: decides the exit code of a tool and nothing else.
enum class Code {
  bad_input,      ///< an option, a file or a value that the user must change: exit 2
  unavailable,    ///< a server, a library or a device that is not there or refuses: exit 1
  not_installed,  ///< a program that this machine does not have: exit 1, unless nobody asked for it by name
  io,             ///< reading or writing failed half-way: exit 1
  corrupt,        ///< stored bytes are not what was written: exit 1
  interrupted,    ///< the user asked to stop: exit 130
};

/// `message` says what is wrong and where (file:line or option); `hint` says what to do next and may be empty.
struct Error {
  Code code = Code::bad_input;
  std::string message;
  std::string hint;
};

/// Either a value or an Error. A cache miss is never an Error.
template <class T>
using Result = tl::expected<T, Error>;

/// `return error(Code::bad_input, fmt::format("{}:{}: ...", file, line), "try ...");`
inline tl::unexpected<Error> error(Code code, std::string message, std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}

/// Passes an error on: `if (!r) return error(r);`
template <class T>
tl::unexpected<Error> error(const Result<T>& failed) {
  return tl::unexpected<Error>(failed.error());
}

}  // namespace kv
