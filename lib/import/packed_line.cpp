#include "import/packed_line.hpp"

#include <array>
#include <cstring>

namespace kv {
namespace {

struct Head {
  std::int64_t at, delay;  // delay < 0: none
  std::uint64_t line, input, output, ids;
  std::array<std::uint32_t, 4> texts;  // lengths
  std::uint64_t size;
};
static_assert(sizeof(Head) == PackedLine::kHead);

void put(std::vector<char>& out, const void* from, std::size_t bytes) {
  const char* begin = static_cast<const char*>(from);
  out.insert(out.end(), begin, begin + bytes);
}

Head head_of(const char* record) {
  Head head;
  std::memcpy(&head, record, sizeof head);
  return head;
}

}  // namespace

void PackedLine::append(const TraceLine& line, std::vector<char>& out) {
  const std::array texts{line.origin.session, line.origin.tenant, line.origin.group, line.origin.type};
  Head head{line.at.count(),
            line.origin.delay ? line.origin.delay->count() : -1,
            line.line,
            line.input.count(),
            line.output.count(),
            line.ids.size(),
            {},
            sizeof(Head) + line.ids.size_bytes()};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    head.texts[i] = static_cast<std::uint32_t>(texts[i].size());
    head.size += texts[i].size();
  }
  put(out, &head, sizeof head);
  put(out, line.ids.data(), line.ids.size_bytes());
  for (const std::string_view text : texts) put(out, text.data(), text.size());
}

std::size_t PackedLine::size(const char* record) { return head_of(record).size; }

TraceLine PackedLine::read(const char* record, std::vector<BlockId>& ids) {
  const Head head = head_of(record);
  TraceLine line;
  line.line = head.line;
  line.at = Duration(head.at);
  line.input = Tokens(head.input);
  line.output = Tokens(head.output);
  if (head.delay >= 0) line.origin.delay = Duration(head.delay);
  ids.resize(head.ids);
  const char* from = record + sizeof head;
  if (head.ids > 0) std::memcpy(ids.data(), from, head.ids * sizeof(BlockId));
  line.ids = ids;
  from += head.ids * sizeof(BlockId);
  std::size_t i = 0;
  for (std::string_view* text : {&line.origin.session, &line.origin.tenant, &line.origin.group, &line.origin.type}) {
    *text = {from, head.texts[i]};
    from += head.texts[i++];
  }
  return line;
}

}  // namespace kv
