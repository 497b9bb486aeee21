#pragma once
#include <optional>
#include <string>
#include <vector>

#include "import/arrivals.hpp"
#include "import/json_value.hpp"
#include "import/prompt_blocks.hpp"
#include "import/registry.hpp"

namespace kv {

/// One message of a conversation, whatever its format calls its parts.
struct Message {
  std::string role, text;
  bool assistant = false;
};

/// Conversations -> requests: each assistant turn is one, whose input is everything before it and whose output is the
/// turn's length. Not thread-safe; memory is that of the longest conversation.
class MessageRequests {
 public:
  static std::vector<OptionRow> options();
  static Result<MessageRequests> make(ImportJob& job);

  struct Conversation {
    std::uint64_t line = 0;
    std::string session, tenant, model;  ///< nothing is shared between models
    std::optional<Duration> at;          ///< of its first request, where the source tells
    std::vector<Message> messages;
    bool one_request = false;           ///< all messages are the prompt of one request
    std::optional<std::string> answer;  ///< of that one
  };
  /// Errors (bad_input) carry no place.
  Result<void> add(const Conversation& conversation);
  /// Says what was taken for granted.
  void note();

 private:
  MessageRequests(ImportJob& job, Tokens block_size, std::unique_ptr<Tokenizer> tokenizer, Arrivals arrivals)
      : job_(job), tokenizer_(std::move(tokenizer)), arrivals_(arrivals), blocks_(block_size, tokenizer_.get()) {}
  Result<void> give(const Conversation& conversation, std::uint64_t turn, Tokens output);
  Result<void> add_one(const Conversation& conversation);

  ImportJob& job_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Arrivals arrivals_;
  PromptBlocks blocks_;
  std::uint64_t conversations_ = 0, timed_ = 0, untimed_ = 0, references_ = 0;
};

/// The text of a message's content: a string, null, or parts of which those with a text count; other parts are noted.
Result<std::string> content_text(const json::object& message, std::string_view key, ImportNotes& notes,
                                 std::uint64_t line);

}  // namespace kv
