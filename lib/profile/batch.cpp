// Work without a conversation: jobs of many requests behind one prompt, and requests that share nothing.
#include "profile/component_types.hpp"
#include "profile/draws.hpp"

namespace kv {
namespace {

using Common = std::span<const std::string>;

struct BatchSpec {
  std::uint64_t tasks = 1;
  double zipf = 1;
  Distribution prefix_tokens, items, item_tokens, output_tokens;
  Distribution gap_s = Distribution::constant(0);
};

class Batch final : public Component {
 public:
  explicit Batch(BatchSpec spec) : spec_(std::move(spec)), popularity_(spec_.tasks, spec_.zipf) {}

  std::uint64_t texts_per_set() const override { return spec_.tasks; }
  Bond bond() const override { return Bond::group; }

  void begin(Session& session, ComponentRun& run) const override {
    const std::uint64_t text = session.set * spec_.tasks + popularity_.draw(session.random);
    run.add_text(session.prompt, text, shared_length(spec_.prefix_tokens, run, text));
    session.left = static_cast<std::uint32_t>(spec_.items.draw_count(session.random));
  }

  void send(Session& session, ComponentRun& run, Step& step) const override {
    Random& random = session.random;
    const std::uint64_t item = spec_.item_tokens.draw_count(random);
    run.scratch = session.prompt;
    run.scratch.add_own(std::min(item, run.most_input() - run.scratch.tokens()), run.limits.block_size, run.ids);
    run.send(run.scratch, step);
    step.output = spec_.output_tokens.draw_count(random);
    if (--session.left > 0) step.next_s = spec_.gap_s.draw(random);
  }

 private:
  BatchSpec spec_;
  Zipf popularity_;
};

const std::vector<TomlKey<BatchSpec>>& batch_keys() {
  using S = BatchSpec;
  static const std::vector<TomlKey<BatchSpec>> keys{
      count_key("tasks", &S::tasks, "1", "how many different prompts jobs use", 1, kMostTexts),
      number_key("zipf", &S::zipf, "1", "popularity of the n-th task: 1 / n^zipf", 0, 10),
      distribution_key("prefix_tokens", &S::prefix_tokens, kRequired,
                       "instructions and examples in front of every item", kTokenRange),
      distribution_key("items", &S::items, kRequired, "requests a job", Range{1, 1e6}),
      distribution_key("item_tokens", &S::item_tokens, kRequired, "what a request adds", kTokenRange),
      distribution_key("output_tokens", &S::output_tokens, kRequired, "an answer", kTokenRange),
      distribution_key("gap_s", &S::gap_s, "0", "from one request of a job to the next, which waits for no answer",
                       kSecondsRange),
  };
  return keys;
}

struct OneshotSpec {
  Distribution input_tokens, output_tokens;
};

class Oneshot final : public Component {
 public:
  explicit Oneshot(OneshotSpec spec) : spec_(std::move(spec)) {}

  std::uint64_t texts_per_set() const override { return 0; }
  Bond bond() const override { return Bond::none; }

  void begin(Session& session, ComponentRun& run) const override {
    session.pending = std::min(spec_.input_tokens.draw_count(session.random), run.most_input());
  }

  void send(Session& session, ComponentRun& run, Step& step) const override {
    session.prompt.add_own(session.pending, run.limits.block_size, run.ids);
    run.send(session.prompt, step);
    step.output = spec_.output_tokens.draw_count(session.random);
  }

 private:
  OneshotSpec spec_;
};

const std::vector<TomlKey<OneshotSpec>>& oneshot_keys() {
  static const std::vector<TomlKey<OneshotSpec>> keys{
      distribution_key("input_tokens", &OneshotSpec::input_tokens, kRequired, "a prompt", kTokenRange),
      distribution_key("output_tokens", &OneshotSpec::output_tokens, kRequired, "an answer", kTokenRange),
  };
  return keys;
}

template <class Made, class Spec>
Result<std::unique_ptr<Component>> make(const TomlValue& value, const std::vector<TomlKey<Spec>>& keys, Common common) {
  Spec spec;
  if (const auto read = read_table<Spec>(value, keys, spec, common); !read) return error(read);
  return std::make_unique<Made>(std::move(spec));
}

}  // namespace

const ComponentRow kBatch{
    "batch", "jobs: many requests behind the same instructions and examples",
    [](const TomlValue& value, Common common) { return make<Batch>(value, batch_keys(), common); },
    [] { return help_of(batch_keys()); }};

const ComponentRow kOneshot{
    "oneshot", "prompts that share nothing with any other: noise to a cache",
    [](const TomlValue& value, Common common) { return make<Oneshot>(value, oneshot_keys(), common); },
    [] { return help_of(oneshot_keys()); }};

}  // namespace kv
