#include "import/lengths.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "import/jsonl.hpp"
#include "import/objects.hpp"

namespace kv {

std::vector<OptionRow> LengthsOnly::options(const std::string& block_size) {
  return {block_size_option(block_size, "tokens in a block of the output"),
          {"sharing", OptionKind::text, "",
           "what prompts are assumed to share, as system=512,hit=0.4,prompts=1; nothing where not given"},
          {"seed", OptionKind::count, "1", "seed of what is assumed"}};
}

Result<LengthsOnly> LengthsOnly::make(const OptionValues& options) {
  const auto block_size = block_size_of(options);
  if (!block_size) return error(block_size);
  std::optional<SharingProfile> profile;
  if (options.has("sharing")) {
    const auto parsed = parse_sharing(options.text("sharing"));
    if (!parsed) return error(parsed);
    profile = *parsed;
  }
  return LengthsOnly(**block_size, profile, options.count("seed"));
}

Result<void> LengthsOnly::fill(TraceLine& request) {
  if (ceil_div(request.input.count(), block_size_.count()) > Regrouper::kMaxObjects) {
    return error(Code::bad_input,
                 fmt::format("a prompt of {} tokens has more blocks of {} than a line of a trace holds",
                             request.input.count(), block_size_.count()),
                 "choose a larger --block-size; or is the length wrong?");
  }
  request.ids = blocks_.next({request.input, request.output, request.origin.group, request.origin.session});
  if (profile_) request.origin.type = "assumed";
  return {};
}

void LengthsOnly::note(ImportNotes& notes) const {
  if (!profile_) {
    notes.warn(
        "the source does not tell what prompts share: nothing in this workload can be a hit; --sharing assumes "
        "something, and labels it");
    notes.assume("sharing", "none: the source does not tell");
    return;
  }
  const double share =
      static_cast<double>(blocks_.continued()) / static_cast<double>(std::max<std::uint64_t>(blocks_.requests(), 1));
  notes.warn(
      fmt::format("what prompts share is assumed ({}), not measured: {:.1f} % of the requests go on with an "
                  "earlier one",
                  to_string(*profile_), 100 * share));
  notes.assume("sharing", fmt::format("assumed: {},seed={}", to_string(*profile_), seed_));
}

}  // namespace kv
