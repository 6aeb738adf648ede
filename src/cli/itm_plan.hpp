// SPDX-License-Identifier: MIT
#pragma once

// What a `drone itm` command line asks for: which ports go where.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/itm.hpp"
#include "itm/input_stage.hpp"
#include "project/manifest.hpp"

namespace drone::cli {

/// Ports whose payload bytes go into one file, in stream order.
struct PortFile {
  std::vector<unsigned> ports;
  std::filesystem::path file;
};

/// A heap's port, and the heaptrace file that it goes to.
struct HeaptraceFile {
  unsigned port = 0;
  std::filesystem::path file;
  std::string reader;  ///< the command that reads it: "drone heap --heap dtcm"
};

enum class SourceKind { kProbe, kFile, kStandardInput };

struct ItmPlan {
  std::vector<unsigned> shown;  ///< on the terminal
  std::vector<PortFile> files;
  std::vector<HeaptraceFile> heaptraces;
  SourceKind source = SourceKind::kProbe;
  std::filesystem::path source_file;  ///< of kFile
  itm::InputOptions input;            ///< of a probe's stream: bare ITM, as the target is set up
  std::optional<std::filesystem::path> raw;  ///< gets the stream as it comes
  std::optional<std::chrono::milliseconds> duration;
  std::optional<std::uint64_t> events;  ///< of all heaps together; at least 1

  bool allow_gaps = false;  ///< a heap's port that lost something is no failure

  std::uint32_t port_mask() const;  ///< of all ports that go anywhere
};

/// Reads the options; relative paths start from `directory`, and the files of `options.heaps` are
/// in the project's folder. `project` is the Drone.toml around `directory`, null if there is none.
/// Throws Error (kUsage) that says what is right for ports that do not exist or are named twice,
/// files that would be written twice or while they are read, sources that there are not, and ends
/// that no capture comes to.
ItmPlan plan_itm(const ItmOptions& options, const std::filesystem::path& directory,
                 const project::Manifest* project = nullptr);

}  // namespace drone::cli
