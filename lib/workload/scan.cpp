#include "workload/scan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace kv {
namespace {

constexpr std::size_t kFirstBad = 5;

Result<void> too_long() {
  return error(Code::bad_input, fmt::format("the line is longer than {} MiB", Line::kMaxBytes >> 20),
               "is this JSONL, with one request a line?");
}

double milliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

}  // namespace

Result<void> check_options(const ReadOptions& options) {
  if (!options.block_size || (options.block_size->count() > 0 && options.block_size->count() <= UINT32_MAX)) return {};
  return error(Code::bad_input,
               fmt::format("--block-size {} is not within 1 to {}", options.block_size->count(), UINT32_MAX),
               "leave it out to infer it from the trace");
}

Result<bool> Scan::next(TraceLine& request) {
  Line line;
  for (;;) {
    const auto more = lines_->next(line);
    if (!more) return error(more);
    if (!*more) return false;
    ++notes_.lines;
    if (line.blank() && !line.too_long) continue;
    const auto parsed = line.too_long ? too_long() : parser_.parse(line, request);
    if (parsed) return true;
    if (const auto skipped = skip(line.number, parsed.error()); !skipped) return error(skipped);
  }
}

Result<bool> Scan::run(std::unique_ptr<ByteSource> source, const Sink& sink) {
  start(std::move(source));
  TraceLine request;
  for (;;) {
    const auto more = next(request);
    if (!more) return error(more);
    if (!*more) return true;
    const auto wanted = sink(request);
    if (!wanted) {
      if (const auto skipped = skip(request.line, wanted.error()); !skipped) return error(skipped);
    } else if (!*wanted) {
      return false;
    }
  }
}

Result<void> Scan::skip(std::uint64_t line, const Error& why) {
  std::string message = fmt::format("{}:{}: {}", name_, line, why.message);
  if (!lenient_) return error(why.code, std::move(message), why.hint);
  ++notes_.bad_lines;
  if (notes_.first_bad.size() < kFirstBad) notes_.first_bad.push_back(std::move(message));
  return {};
}

tl::unexpected<Error> Scan::fail(const Error& why) const {
  return error(why.code, fmt::format("{}: {}", name_, why.message), why.hint);
}

Result<void> Scan::check_sizes(const FullBlocks& blocks, Tokens block_size) {
  const auto wrong = blocks.first_wrong(block_size);
  return wrong ? skip(wrong->line, size_conflict(*wrong).value()) : Result<void>();
}

Result<void> Scan::check_left(std::uint64_t requests) const {
  if (requests == 0) {
    const std::string first = notes_.first_bad.empty() ? "" : "the first bad line is " + notes_.first_bad.front();
    return error(Code::bad_input, fmt::format("{}: there is no request in it", name_), first);
  }
  if (notes_.bad_lines <= requests) return {};
  const std::span<const std::string> shown(notes_.first_bad.data(), std::min<std::size_t>(notes_.first_bad.size(), 3));
  return error(Code::bad_input,
               fmt::format("{}: {} of {} lines are bad, more than --lenient skips; the first: {}", name_,
                           notes_.bad_lines, notes_.bad_lines + requests, fmt::join(shown, "; ")),
               "mend the trace; where many timestamps seem too early, look for one in front of them that is too late");
}

Result<void> Sequence::check(const TraceLine& line) const {
  if (line.at < last_) {
    return error(Code::bad_input,
                 fmt::format("timestamp {} is before that of the request in front of it, {}", milliseconds(line.at),
                             milliseconds(last_)),
                 "sort the trace by timestamp");
  }
  return fit_.check(line.input, line.ids.size());
}

}  // namespace kv
