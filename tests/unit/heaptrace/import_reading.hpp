// SPDX-License-Identifier: MIT
#pragma once

// Reads the texts of other tools for the tests.

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "heaptrace/trace_builder.hpp"
#include "support/error.hpp"

namespace drone::heaptrace::test {

template <class Reader>
Trace read_import(std::string_view text, std::size_t chunk = SIZE_MAX, bool is_cut = false) {
  Trace trace;
  Reader reader([&trace](std::span<const Event> events) {
    trace.events.insert(trace.events.end(), events.begin(), events.end());
  });
  while (!text.empty()) {
    const std::string_view part = text.substr(0, chunk);
    reader.feed(std::as_bytes(std::span(part)));
    text.remove_prefix(part.size());
  }
  reader.finish(is_cut);
  trace.summary = reader.summary();
  return trace;
}

inline std::vector<std::byte> bytes_of_text(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// What read_events() says of a text that it refuses: "message\nhint".
inline std::string refusal_of(std::string_view text, const ReadOptions& options = {}) {
  try {
    read_events([&] { return std::make_unique<MemorySource>(bytes_of_text(text)); }, options, [] {},
                [](std::span<const Event>) {});
  } catch (const Error& error) {
    return (error.status() == ExitStatus::kInput ? "" : "not of input: ") + error.message() + "\n" +
           error.hint();
  }
  return "was read";
}

}  // namespace drone::heaptrace::test
