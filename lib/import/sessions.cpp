#include "import/sessions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "import/jsonl.hpp"
#include "import/objects.hpp"

namespace kv {

Result<void> Sessions::add(const SessionRow& row, std::optional<Tokens> block_size) {
  if (!fit_) fit_ = BlockSizeFit(block_size);
  if (!row.ids.empty()) {
    if (auto fits = fit_->check(row.input, row.ids.size()); !fits) {
      return error(
          fits.error().code, fits.error().message,
          "input_length and hash_ids must be of the same tokens: of the whole prompt, or of what is new in it");
    }
    fit_->take(row.line, row.input, row.ids.size());
  }
  const std::string& name = row.names[0];
  const auto [known, is_new] = by_name_.try_emplace(name, sessions_.size());
  if (name.empty()) by_name_.erase(known);
  const std::size_t index = is_new || name.empty() ? sessions_.size() : known->second;
  if (index == sessions_.size()) sessions_.emplace_back();
  Session& session = sessions_[index];
  if (!session.rows.empty() && !row.ids.empty() && rows_[session.rows.front()].ids > 0) {
    const bool same = ids_[rows_[session.rows.front()].first_id] == row.ids.front();
    ++(same ? session.goes_on : session.begins_anew);
    ++(same ? on_ : anew_);
  }
  session.rows.push_back(rows_.size());
  rows_.push_back({row.line, row.at, row.delay, row.input, row.output, ids_.size(), row.ids.size(), row.names});
  ids_.insert(ids_.end(), row.ids.begin(), row.ids.end());
  return {};
}

Result<Tokens> Sessions::block_size(ImportJob& job, std::optional<Tokens> given) const {
  if (given) return *given;
  if (ids_.empty() || !fit_) return kAiperfBlock;
  if (const auto size = fit_->choice()) return *size;
  const auto fits = [](const Row& row) {
    return row.ids == 0 || sizes_that_fit(row.input, row.ids).contains(kAiperfBlock);
  };
  if (std::all_of(rows_.begin(), rows_.end(), fits)) return kAiperfBlock;
  const Error why = fit_->choice().error();
  return error(why.code, fmt::format("{}: {}", job.name, why.message), why.hint);
}

/// A trace of whole prompts may change a session's first block now and then; a trace of new tokens never repeats it.
bool Sessions::only_new(const Session& session, Turns turns) const {
  if (turns != Turns::automatic) return turns == Turns::only_new;
  return anew_ > on_ && session.goes_on == 0 && session.begins_anew > 0;
}

void Sessions::note(ImportJob& job, Turns turns) const {
  std::uint64_t sessions = 0, requests = 0;
  for (const Session& session : sessions_) {
    if (session.rows.size() < 2 || !only_new(session, turns)) continue;
    ++sessions;
    requests += session.rows.size() - 1;
  }
  if (requests > 0) {
    job.notes.warn(
        fmt::format("{} later rows of {} sessions carry only what is new: rebuilt to whole prompts (earlier ids "
                    "in front, each a full block, and their tokens); --turns whole takes them as they stand",
                    format_count(requests), format_count(sessions)));
    job.notes.assume("turns", "only new tokens in later rows of sessions: whole prompts rebuilt");
  } else if (turns == Turns::automatic && anew_ > 0) {
    job.notes.warn(
        fmt::format("{} later rows begin with another block than their session, {} with the same: all taken "
                    "as whole prompts",
                    format_count(anew_), format_count(on_)));
  }
  const auto several = [](const Session& session) { return session.rows.size() > 1; };
  if (turns == Turns::automatic && ids_.empty() && std::any_of(sessions_.begin(), sessions_.end(), several)) {
    job.notes.warn(
        "without hash_ids it cannot be told what later rows of sessions carry: taken as whole prompts; --turns new "
        "if they carry only what is new");
  }
}

Result<Duration> Sessions::time_of(ImportJob& job, const Row& row, std::optional<Duration> previous) const {
  if (row.at) {
    if (previous && *row.at < *previous)
      job.notes.tally("turns come before their session's turn in front of them; sorted", row.line);
    return *row.at;
  }
  if (!previous) {
    job.notes.tally("sessions begin without a timestamp: at 0", row.line);
    return Duration(0);
  }
  if (!row.delay) job.notes.tally("turns have neither timestamp nor delay: at the time of the turn before", row.line);
  const Duration at = *previous + row.delay.value_or(Duration(0));
  if (at <= std::chrono::seconds(9'000'000'000)) return at;
  return error(Code::bad_input, "delays add up to more than 285 years");
}

Result<void> Sessions::append_blocks(ImportJob& job, const Row& row, Tokens block_size, std::vector<BlockId>& whole) {
  const std::uint64_t fresh = ceil_div(row.input.count(), block_size.count());
  references_ += whole.size() + fresh;
  if (whole.size() + fresh > Regrouper::kMaxObjects || references_ > kMaxReferences) {
    return error(Code::bad_input,
                 fmt::format("the prompt has {} blocks, {} with those before: more than can be rebuilt",
                             whole.size() + fresh, references_),
                 "do later rows of sessions carry whole prompts? try --turns whole");
  }
  whole.insert(whole.end(), ids(row).begin(), ids(row).end());
  if (row.ids > 0) return {};
  for (std::uint64_t i = 0; i < fresh; ++i) whole.push_back(chained_id(row.line, i, Tokens(0)));
  job.notes.tally("requests have no hash_ids: they share nothing with other sessions", row.line);
  return {};
}

Result<void> Sessions::give(ImportJob& job, const Session& session, bool rebuild, Tokens block_size) {
  std::vector<BlockId> whole, made;
  std::optional<Duration> previous;
  for (const std::size_t index : session.rows) {
    const Row& row = rows_[index];
    if (!rebuild) whole.clear();
    const Tokens earlier = whole.size() * block_size;
    const auto at = time_of(job, row, previous);
    if (!at) return at_line(job.name, row.line, at.error());
    previous = *at;
    if (const auto grown = append_blocks(job, row, block_size, whole); !grown) {
      return at_line(job.name, row.line, grown.error());
    }
    made = whole;
    // Its last block is partial here and full in the turns behind it: another block.
    const Tokens rest(row.input.count() % block_size.count());
    if (rebuild && rest.count() > 0 && index != session.rows.back()) {
      const auto parent = made.size() > 1 ? std::optional(made[made.size() - 2]) : std::nullopt;
      made.back() = chained_id(parent, made.back(), rest);
    }
    const TraceLine request{row.line,   *at,  earlier + row.input,
                            row.output, made, {row.delay, row.names[0], row.names[1], row.names[2], row.names[3]}};
    if (const auto added = job.requests.add(request); !added) return at_line(job.name, row.line, added.error());
  }
  return {};
}

Result<void> Sessions::finish(ImportJob& job, Turns turns, std::optional<Tokens> given) {
  const auto size = block_size(job, given);
  if (!size) return error(size);
  job.requests.setup(
      {.block_size = *size, .preferred_block_size = {}, .ids = *id_mode(job.options), .in_order = false});
  note(job, turns);
  for (const Session& session : sessions_) {
    if (auto given_on = give(job, session, only_new(session, turns), *size); !given_on) return given_on;
  }
  return {};
}

}  // namespace kv
