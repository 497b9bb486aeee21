#include <algorithm>

#include "report/plan_document.hpp"
#include "report/plan_markdown.hpp"
#include "report/plan_view.hpp"
#include "report/render_parts.hpp"

namespace kv {
namespace {

/// Lines of at most so many columns.
class Page {
 public:
  explicit Page(const Style& style) : paint_(style.colour), width_(std::clamp<std::size_t>(style.width, 40, 1000)) {}

  const Paint& paint() const { return paint_; }
  void line(std::string_view title, std::string_view text) { out_ += titled(paint_, title, text, width_); }
  void lines(const std::vector<PlanLine>& all) {
    for (const PlanLine& l : all) line(l.title, l.text);
  }
  std::string wrap(std::string_view text) const { return wrapped(text, width_, 2) + "\n"; }
  void add(const std::string& text) { out_ += text; }
  /// With an empty line in front; nothing without rows.
  void table(const Table& table) {
    if (table.rows.empty()) return;
    const TableLines laid = lay_out(table, width_);
    out_ += out_.empty() ? "" : "\n";
    for (const std::string& heading : laid.headings) out_ += paint_.bold(heading) + "\n";
    for (const std::string& row : laid.rows) out_ += row + "\n";
    out_ += left_out_text(laid, paint_, width_);
  }
  std::string take() { return std::move(out_); }

 private:
  Paint paint_;
  std::size_t width_;
  std::string out_;
};

std::string joined(const Json& document, const char* path) {
  std::string out;
  for (const Json& text : list_at(document, path)) {
    const std::string sentence = figure_text(&text, Unit::text);
    if (!sentence.empty()) out += (out.empty() ? "" : "; ") + sentence;
  }
  return out;
}

void add_verdict(const Json& document, Page& page) {
  const std::string words = text_at(document, "roi.in_words"), verdict = text_at(document, "roi.verdict");
  if (words.empty()) return;
  const std::string text = page.wrap(words);
  const Paint& paint = page.paint();
  page.add(verdict == "yes" ? paint.green(text) : verdict == "no" ? paint.red(text) : paint.yellow(text));
  for (const Json& reason : list_at(document, "roi.reasons")) {
    page.add(page.wrap("- " + figure_text(&reason, Unit::text)));
  }
  page.add("\n");
}

void add_prices(const Json& document, Page& page) {
  page.line("prices", text_at(document, "prices") + " of " + text_at(document, "price_date") +
                          "; ?: from memory, or an assumption");
}

std::string as_table(const Json& document, const Style& style) {
  Page page(style);
  add_verdict(document, page);
  page.lines(plan_facts(document));
  page.table(options_table(document));
  if (const std::string notes = options_notes(document); !notes.empty()) page.add(page.wrap(notes));
  page.table(rent_table(document));
  if (text_at(document, "part") == plan_part_name(PlanPart::size)) page.table(where_table(document));
  if (text_at(document, "part") == plan_part_name(PlanPart::decide)) {
    page.table(bands_table(document));
    page.table(budgets_table(document));
  }
  page.table(scale_table(document));
  page.add("\n");
  page.lines(plan_judgements(document));
  if (text_at(document, "part") == plan_part_name(PlanPart::decide)) {
    page.line("why", joined(document, "decision.explanation"));
    page.line("leaving", joined(document, "decision.leaving"));
  }
  page.line("assumes", joined(document, "assumptions"));
  add_prices(document, page);
  for (const Json& text : list_at(document, "warnings")) {
    page.add(page.paint().yellow(page.wrap("warning: " + figure_text(&text, Unit::text))));
  }
  return page.take();
}

std::string as_csv(const Json& document) {
  const std::string part = text_at(document, "part");
  const char* list = part == plan_part_name(PlanPart::scale)  ? "scale"
                     : part == plan_part_name(PlanPart::size) ? "rent.tiers"
                                                              : "cost.options";
  return csv_heading(plan_fields(list)) + csv_lines(plan_fields(list), list_at(document, list));
}

}  // namespace

std::string render_plan(const Json& document, Format format, const Style& style) {
  const auto styled = [&style](const Json& whole) { return as_table(whole, style); };
  return render_as(document, format, styled, as_csv, render_plan_markdown);
}

}  // namespace kv
