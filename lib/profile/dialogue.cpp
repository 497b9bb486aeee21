// conversation and agent: every request sends all that was said before.
#include "profile/component_types.hpp"
#include "profile/draws.hpp"

namespace kv {
namespace {

using Common = std::span<const std::string>;

/// In the words of a conversation; an agent's are its key rows.
struct DialogueSpec {
  std::uint64_t systems = 1;
  double zipf = 1, abandon = 0;
  Distribution system_tokens = Distribution::constant(0);
  Distribution turns, first_message, message, output, pause_s;
};

class Dialogue final : public Component {
 public:
  explicit Dialogue(DialogueSpec spec) : spec_(std::move(spec)), popularity_(spec_.systems, spec_.zipf) {}

  std::uint64_t texts_per_set() const override { return spec_.systems; }
  Bond bond() const override { return Bond::session; }

  void begin(Session& session, ComponentRun& run) const override {
    const std::uint64_t text = session.set * spec_.systems + popularity_.draw(session.random);
    run.add_text(session.prompt, text, shared_length(spec_.system_tokens, run, text));
    session.left = static_cast<std::uint32_t>(spec_.turns.draw_count(session.random));
    session.pending =
        std::min(spec_.first_message.draw_count(session.random), run.most_input() - session.prompt.tokens());
  }

  void send(Session& session, ComponentRun& run, Step& step) const override {
    Random& random = session.random;
    session.prompt.add_own(session.pending, run.limits.block_size, run.ids);
    run.send(session.prompt, step);
    step.output = spec_.output.draw_count(random);
    const bool abandoned = spec_.abandon > 0 && random.uniform() < spec_.abandon;
    if (--session.left == 0 || abandoned) return;
    session.pending = step.output + spec_.message.draw_count(random);
    if (session.prompt.tokens() + session.pending > run.most_input()) return;
    step.delay_s = spec_.pause_s.draw(random);
    step.next_s = static_cast<double>(step.output) / run.limits.output_tokens_per_s + *step.delay_s;
  }

 private:
  DialogueSpec spec_;
  Zipf popularity_;
};

using Keys = std::vector<TomlKey<DialogueSpec>>;
using S = DialogueSpec;

const Keys& conversation_keys() {
  static const Keys keys{
      count_key("system_prompts", &S::systems, "1", "how many different ones there are", 1, kMostTexts),
      distribution_key("system_tokens", &S::system_tokens, "0", "length of a system prompt", kSharedTokenRange),
      number_key("zipf", &S::zipf, "1", "popularity of the n-th system prompt: 1 / n^zipf", 0, 10),
      distribution_key("turns", &S::turns, kRequired, "requests a conversation, unless it is abandoned", kTurnRange),
      distribution_key("first_message_tokens", &S::first_message, "as message_tokens", "the user's first message",
                       kTokenRange),
      distribution_key("message_tokens", &S::message, kRequired, "a message of the user", kTokenRange),
      distribution_key("output_tokens", &S::output, kRequired, "an answer; it is part of the next prompt", kTokenRange),
      distribution_key("think_s", &S::pause_s, kRequired, "from the end of an answer to the next message",
                       kSecondsRange),
      number_key("abandon", &S::abandon, "0", "probability that the user leaves after an answer", 0, 1),
  };
  return keys;
}

const Keys& agent_keys() {
  static const Keys keys{
      count_key("agents", &S::systems, "1", "how many kinds, each with its own instructions and tools", 1, kMostTexts),
      distribution_key("tools_tokens", &S::system_tokens, "0", "length of instructions and tools", kSharedTokenRange),
      number_key("zipf", &S::zipf, "1", "popularity of the n-th kind: 1 / n^zipf", 0, 10),
      distribution_key("steps", &S::turns, kRequired, "requests a task, unless it fails", kTurnRange),
      distribution_key("task_tokens", &S::first_message, kRequired, "the task as given", kTokenRange),
      distribution_key("result_tokens", &S::message, kRequired, "what a tool returns", kTokenRange),
      distribution_key("output_tokens", &S::output, kRequired, "a call of a tool, reasoning included", kTokenRange),
      distribution_key("tool_s", &S::pause_s, kRequired, "how long a tool runs", kSecondsRange),
      number_key("fail", &S::abandon, "0", "probability that a task ends early, at each step", 0, 1),
  };
  return keys;
}

Result<std::unique_ptr<Component>> make_dialogue(const TomlValue& value, const Keys& keys, Common common) {
  DialogueSpec spec;
  if (const auto read = read_table<DialogueSpec>(value, keys, spec, common); !read) return error(read);
  if (spec.first_message.row == nullptr) spec.first_message = spec.message;
  return std::make_unique<Dialogue>(std::move(spec));
}

}  // namespace

const ComponentRow kConversation{
    "conversation", "users who talk: a shared system prompt, then turn after turn with all that was said before",
    [](const TomlValue& value, Common common) { return make_dialogue(value, conversation_keys(), common); },
    [] { return help_of(conversation_keys()); }};

const ComponentRow kAgent{
    "agent", "programs that call tools: shared instructions and tools, a task, then result after result",
    [](const TomlValue& value, Common common) { return make_dialogue(value, agent_keys(), common); },
    [] { return help_of(agent_keys()); }};

}  // namespace kv
