#include "import/messages.hpp"

#include <fmt/format.h>

#include "import/jsonl.hpp"
#include "import/objects.hpp"

namespace kv {
namespace {

constexpr std::uint64_t kMaxReferences = 2'000'000'000;  // of all requests: 16 GB where they are sorted

}  // namespace

std::vector<OptionRow> MessageRequests::options() {
  return {block_size_option("16", "tokens in a block of the output"),
          {"tokenizer", OptionKind::text, "",
           "a SentencePiece model (tokenizer.model); a token is 4 bytes where not given"},
          Arrivals::rate_option("conversations"),
          Arrivals::gap_option()};
}

Result<MessageRequests> MessageRequests::make(ImportJob& job) {
  const auto block_size = block_size_of(job.options);
  if (!block_size) return error(block_size);
  const auto arrivals = Arrivals::make(job.options);
  if (!arrivals) return error(arrivals);
  std::unique_ptr<Tokenizer> tokenizer;
  if (job.options.has("tokenizer")) {
    auto loaded = Tokenizer::load(job.options.text("tokenizer"));
    if (!loaded) return error(loaded);
    tokenizer = std::make_unique<Tokenizer>(std::move(*loaded));
    job.notes.assume("tokens", "SentencePiece model " + job.options.text("tokenizer"));
  } else {
    job.notes.assume("tokens", "bytes / 4");
  }
  job.notes.assume("chat template", "one token a message, for its role");
  return MessageRequests(job, **block_size, std::move(tokenizer), *arrivals);
}

Result<void> MessageRequests::give(const Conversation& c, std::uint64_t turn, Tokens output) {
  TraceLine request;
  request.line = c.line;
  request.at = c.at ? *c.at : arrivals_.at(conversations_ - 1, turn);
  if (!c.at) request.origin.delay = arrivals_.delay(turn);
  ++(c.at ? timed_ : untimed_);
  request.input = blocks_.tokens();
  request.output = output;
  request.ids = blocks_.ids();
  request.origin.session = c.session;
  request.origin.tenant = c.tenant;
  request.origin.group = c.model;
  references_ += request.ids.size();
  if (references_ > kMaxReferences) {
    return error(Code::bad_input, fmt::format("more than {} block references", kMaxReferences),
                 "choose a larger --block-size");
  }
  return job_.requests.add(request);
}

Result<void> MessageRequests::add_one(const Conversation& c) {
  for (const Message& message : c.messages) {
    if (auto put = blocks_.append(message.role, message.text); !put) return put;
  }
  Tokens output;
  if (c.answer) {
    const auto count = blocks_.count(*c.answer);
    if (!count) return error(count);
    output = *count;
  } else {
    job_.requests.outputs_unknown();
    job_.notes.tally("requests have no answer: an output of 0 is written", c.line);
  }
  return give(c, 0, output);
}

Result<void> MessageRequests::add(const Conversation& c) {
  ++conversations_;
  blocks_.clear(c.model);
  if (c.one_request) return add_one(c);
  std::uint64_t turn = 0;
  for (const Message& message : c.messages) {
    if (message.assistant && blocks_.tokens().count() == 0) {
      job_.notes.tally("conversations begin with the assistant: what it says first is no request", c.line);
    } else if (message.assistant) {
      const auto output = blocks_.count(message.text);
      if (!output) return error(output);
      if (auto given = give(c, turn++, *output); !given) return given;
    }
    if (auto put = blocks_.append(message.role, message.text); !put) return put;
  }
  if (turn == 0) job_.notes.tally("conversations without an assistant's turn make no request", c.line);
  return {};
}

void MessageRequests::note() {
  if (untimed_ > 0 && timed_ > 0) {
    job_.notes.warn(
        fmt::format("{} requests have a time and {} have none: those are at the beginning", timed_, untimed_));
  }
  if (untimed_ > 0) arrivals_.note(job_.notes, "conversations");
  if (untimed_ > 0 && !arrivals_.known()) job_.requests.arrivals_unknown();
}

Result<std::string> content_text(const json::object& message, std::string_view key, ImportNotes& notes,
                                 std::uint64_t line) {
  const auto content = member(message, key);
  if (!content) return std::string();
  std::string_view text;
  if (!content->get(text)) return std::string(text);
  json::array parts;
  if (content->get(parts))
    return error(Code::bad_input, fmt::format("{} must be a text, but is {}", key, quoted(*content)));
  std::string out;
  for (const json::element part : parts) {
    json::object object;
    const bool found = !part.get(text) || (!part.get(object) && !object["text"].get(text));
    if (found) {
      out += text;
    } else {
      notes.tally("parts of messages are no text (images, say): their tokens are not counted, though told apart", line);
      out += '\n' + simdjson::minify(part);
    }
  }
  return out;
}

}  // namespace kv
