// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "project/header.hpp"
#include "project/manifest.hpp"
#include "report/layout_report.hpp"
#include "require.hpp"
#include "support/error.hpp"
#include "targets.hpp"

namespace drone::fuzz {
namespace {

/// Takes a number from 1 on and the colon behind it off the front of `text`.
std::size_t take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole =
      failure == std::errc() && number != 0 && rest != text.data() + text.size() && *rest == ':';
  require(whole, "a mistake has line and column");
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
  return number;
}

void check_place(std::string_view message, std::string_view text) {
  constexpr std::string_view kFile = "Drone.toml:";
  require(message.starts_with(kFile), "a mistake names the file");
  message.remove_prefix(kFile.size());
  const std::size_t line = take_number(message);
  const std::size_t column = take_number(message);
  require(message.size() > 1 && message.front() == ' ', "a mistake is described");
  for (std::size_t i = 1; i != line; ++i) {
    const std::size_t end = text.find('\n');
    require(end != std::string_view::npos, "a mistake's line is in the text");
    text.remove_prefix(end + 1);
  }
  // What is missing stands behind the last character.
  require(column <= std::min(text.find('\n'), text.size()) + 1,
          "a mistake's column is in its line");
}

/// As `drone heap generate` writes it.
std::string section_text(const project::HeapSection& heap) {
  report::LayoutReport report;
  report.suggestion.pools = heap.pools;
  report.suggestion.heap_size = heap.size;
  report.section = project::section_name(heap);
  report.base_alignment = heap.alignment;
  report.settings = project::heap_settings(heap);
  report.heap_size = project::format_size(heap.size);
  return report::render_layout(report);
}

std::string text_of(const project::Manifest& manifest) {
  std::string text;
  if (!manifest.device.empty()) text += "device = \"" + manifest.device + "\"\n";
  for (const auto& [name, region] : manifest.memory) {
    text += "[memory." + name + "]\norigin = " + std::to_string(region.origin) + "\nsize = \"" +
            project::format_size(region.size) + "\"\n";
  }
  for (const project::ProbeInterfaceInfo& info : project::probe_interfaces()) {
    if (info.interface != manifest.probe.interface) continue;
    text += "[probe]\ninterface = \"" + std::string(info.name) + "\"\n";
  }
  text += "[itm]\nbaud = " + std::to_string(manifest.itm.baud) +
          "\nclock = " + std::to_string(manifest.itm.clock) +
          "\ntimestamps = " + (manifest.itm.timestamps ? "true\n" : "false\n");
  for (const project::HeapSection* const heap : project::all_heaps(manifest)) {
    if (!heap->pools.empty()) text += section_text(*heap);
  }
  return text;
}

bool same(const project::HeapSection& a, const project::HeapSection& b) {
  return a.size == b.size && a.alignment == b.alignment && a.pools == b.pools && a.name == b.name &&
         a.memory == b.memory && a.port == b.port && a.options.checks == b.options.checks &&
         a.options.statistics == b.options.statistics;
}

bool same(const project::Manifest& a, const project::Manifest& b) {
  return a.device == b.device && a.core == b.core && same(a.heap, b.heap) &&
         std::equal(a.named_heaps.begin(), a.named_heaps.end(), b.named_heaps.begin(),
                    b.named_heaps.end(), [](const auto& x, const auto& y) { return same(x, y); }) &&
         std::equal(a.memory.begin(), a.memory.end(), b.memory.begin(), b.memory.end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && x.second.origin == y.second.origin &&
                             x.second.size == y.second.size;
                    }) &&
         a.probe.interface == b.probe.interface && a.itm.baud == b.itm.baud &&
         a.itm.clock == b.itm.clock && a.itm.timestamps == b.itm.timestamps;
}

}  // namespace

void fuzz_manifest(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), '\0');
  std::transform(bytes.begin(), bytes.end(), text.begin(),
                 [](std::byte byte) { return static_cast<char>(byte); });
  project::Manifest manifest;
  try {
    manifest = project::parse_manifest(text, "Drone.toml");
  } catch (const Error& error) {
    require(error.status() == ExitStatus::kInput, "a mistake is one of input");
    require(!error.hint().empty(), "a mistake comes with a hint");
    check_place(error.message(), text);
    return;
  }
  if (!manifest.heap.pools.empty()) {
    require(!project::header_text(manifest).empty(), "a manifest has a header");
  }
  require(!project::memory_text(manifest).empty(), "a manifest has memory");
  try {
    require(same(project::parse_manifest(text_of(manifest), "Drone.toml"), manifest),
            "what is written reads back the same");
  } catch (const Error& error) {
    require(false, error.what());
  }
}

}  // namespace drone::fuzz
