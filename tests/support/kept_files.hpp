#pragma once
#include <string>

#include "report/document.hpp"

namespace kv::test {

/// A file of the project, whole; empty if it is not there.
std::string source_text(const std::string& name);

/// CHECKs that a file of the project holds `text`. With KVKIT_UPDATE=1 in the environment it is written instead: look
/// at the difference before you commit it.
void check_kept(const std::string& name, const std::string& text);

/// The same of the part of a page between <!-- mark: begin --> and <!-- mark: end -->, which an empty line surrounds.
void check_kept_part(const std::string& page, const std::string& mark, const std::string& text);

/// CHECKs that a document shipped earlier is of the schema: what it lacks alone may differ, as names may be added.
/// Returns it.
Json check_sample(const std::string& name, const Json& schema);

}  // namespace kv::test
