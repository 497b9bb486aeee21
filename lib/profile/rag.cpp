// Questions about documents that are retrieved together.
#include "profile/component_types.hpp"
#include "profile/draws.hpp"

namespace kv {
namespace {

struct RagSpec {
  std::uint64_t documents = 0, per_request = 1, choices = 4;
  double zipf = 1;
  Distribution system_tokens = Distribution::constant(0);
  Distribution document_tokens, question_tokens, output_tokens;
};

/// Places of documents behind each other form a tree: any of `documents` comes first, and behind each document one of
/// the `choices` that are retrieved together with it. Texts of a set: the system prompt, then the tree level by level.
class Rag final : public Component {
 public:
  Rag(RagSpec spec, std::uint64_t texts)
      : spec_(std::move(spec)), texts_(texts), first_(spec_.documents, spec_.zipf), next_(spec_.choices, spec_.zipf) {}

  std::uint64_t texts_per_set() const override { return texts_; }
  Bond bond() const override { return Bond::none; }

  void begin(Session& session, ComponentRun& run) const override {
    Random& random = session.random;
    const std::uint64_t set = session.set * texts_;
    run.add_text(session.prompt, set, shared_length(spec_.system_tokens, run, set));
    const std::uint64_t question = spec_.question_tokens.draw_count(random);
    std::uint64_t document = first_.draw(random), place = document, level = set + 1, level_size = spec_.documents;
    for (std::uint64_t i = 0; i < spec_.per_request; ++i) {
      if (i > 0) {
        const std::uint64_t choice = next_.draw(random);
        document = mix64(document + 1, choice) % spec_.documents;  // what is near a document is the same every time
        place = place * spec_.choices + choice;
        level += level_size;
        level_size *= spec_.choices;
      }
      const std::uint64_t tokens = shared_length(spec_.document_tokens, run, set + 1 + document);
      if (i > 0 && session.prompt.tokens() + tokens + question > run.most_input()) break;  // what fits is given
      run.add_text(session.prompt, level + place, tokens);
    }
    session.pending = std::min(question, run.most_input() - session.prompt.tokens());
  }

  void send(Session& session, ComponentRun& run, Step& step) const override {
    session.prompt.add_own(session.pending, run.limits.block_size, run.ids);
    run.send(session.prompt, step);
    step.output = spec_.output_tokens.draw_count(session.random);
  }

 private:
  RagSpec spec_;
  std::uint64_t texts_;
  Zipf first_, next_;
};

const std::vector<TomlKey<RagSpec>>& keys() {
  using S = RagSpec;
  static const std::vector<TomlKey<RagSpec>> rows{
      distribution_key("system_tokens", &S::system_tokens, "0", "length of the system prompt", kSharedTokenRange),
      count_key("documents", &S::documents, kRequired, "how many there are", 1, kMostTexts),
      distribution_key("document_tokens", &S::document_tokens, kRequired, "length of a document", kTokenRange),
      number_key("zipf", &S::zipf, "1", "popularity of the n-th document: 1 / n^zipf", 0, 10),
      count_key("per_request", &S::per_request, "1", "documents in a prompt, as far as they fit", 1, 16),
      count_key("choices", &S::choices, "4", "documents that may follow one, by the same zipf", 1, 1000),
      distribution_key("question_tokens", &S::question_tokens, kRequired, "the question behind the documents",
                       kTokenRange),
      distribution_key("output_tokens", &S::output_tokens, kRequired, "an answer", kTokenRange),
  };
  return rows;
}

Result<std::unique_ptr<Component>> make(const TomlValue& value, std::span<const std::string> common) {
  RagSpec spec;
  if (const auto read = read_table<RagSpec>(value, keys(), spec, common); !read) return error(read);
  std::uint64_t texts = 1, level = spec.documents;
  for (std::uint64_t i = 0; i < spec.per_request && texts <= kMostTexts; ++i) {
    texts += level;
    level *= spec.choices;  // at most 2e6 x 1e3, as the loop ends there
  }
  if (texts > kMostTexts) {
    return value.wrong(fmt::format("documents in so many orders have more than {} places in prompts", kMostTexts),
                       "documents x choices^(per_request - 1) is too large: lower one of them");
  }
  return std::make_unique<Rag>(std::move(spec), texts);
}

}  // namespace

const ComponentRow kRag{"rag", "questions, each behind one or more documents of a set", make,
                        [] { return help_of(keys()); }};

}  // namespace kv
