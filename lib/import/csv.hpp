#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workload/line_reader.hpp"

namespace kv {

/// Records of RFC 4180, one after the other: fields with quotes may hold commas, quotes ("" for one) and newlines; LF
/// and CRLF, mixed too; a byte order mark and a missing last newline are accepted; blank lines are skipped. A record
/// is UTF-8, has at most 1 MiB and as many fields as the first one. Errors (bad_input) name file:line. Not thread-safe.
class CsvReader {
 public:
  CsvReader(std::unique_ptr<ByteSource> source, std::string name);

  /// False at the end.
  Result<bool> next();
  std::uint64_t line() const { return line_; }  ///< where the record begins
  std::size_t size() const { return fields_.size(); }
  const std::string& operator[](std::size_t field) const { return fields_[field]; }

 private:
  Result<bool> next_record();

  LineReader lines_;
  std::string name_;
  std::vector<std::string> fields_;
  std::size_t expected_ = 0;
  std::uint64_t line_ = 0;
};

/// A CSV file whose first record names its columns. What is asked for by name may stand in any order.
class CsvTable {
 public:
  /// Fails (bad_input) if the file is empty.
  static Result<CsvTable> open(std::unique_ptr<ByteSource> source, const std::string& name);

  /// Index of a column, if it is there.
  std::optional<std::size_t> find(const std::string& column) const;
  /// Fails (bad_input) if it is not there, and names those that are, or if it is there twice.
  Result<std::size_t> need(const std::string& column) const;

  Result<bool> next() { return reader_.next(); }
  std::uint64_t line() const { return reader_.line(); }
  const std::string& operator[](std::size_t column) const { return reader_[column]; }
  /// A whole number from `lowest` to 2^32 - 1 ("12" or "12.0"). Errors (bad_input) name file:line and the column.
  Result<std::uint64_t> count(std::size_t column, std::uint64_t lowest) const;
  /// For what is wrong with the record at hand.
  tl::unexpected<Error> bad(const std::string& what, const std::string& hint = {}) const;
  tl::unexpected<Error> not_a(std::size_t column, const std::string& what) const;

 private:
  CsvTable(CsvReader reader, std::string name) : reader_(std::move(reader)), name_(std::move(name)) {}
  CsvReader reader_;
  std::string name_;
  std::vector<std::string> columns_;
};

/// Of the first record; empty where there is none.
std::vector<std::string> csv_columns(std::string_view head);

}  // namespace kv
