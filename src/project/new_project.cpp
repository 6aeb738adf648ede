// SPDX-License-Identifier: MIT
#include "project/new_project.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "project/templates.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kUsualHeap = 10 * 1024;
constexpr std::uint32_t kSmallHeap = 4 * 1024;
constexpr std::uint32_t kRamForUsualHeap = 16 * 1024;
// The template's program takes some 17 KB of flash, and 6.3 KB of RAM with its stack and the small
// heap.
constexpr std::uint32_t kLeastRam = 8 * 1024;
constexpr std::uint32_t kLeastFlash = 32 * 1024;

// The rates that USB probes and serial adapters are known to make, the fastest first.
constexpr auto kUsualBauds =
    std::to_array<std::uint32_t>({2'000'000, 1'000'000, 500'000, 230'400, 115'200});

std::uint32_t usual_baud(std::uint32_t trace_clock_hz) {
  for (const std::uint32_t baud : kUsualBauds) {
    if (makes_baud(trace_clock_hz, baud)) return baud;
  }
  return trace_clock_hz;
}

/// Digits in groups of three, as TOML allows: 16_000_000.
std::string grouped(std::uint32_t value) {
  std::string text = std::to_string(value);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, '_');
  return text;
}

std::string core_flags(const Device& device) {
  return fmt::format("-mcpu={} -mthumb {}", device.core,
                     device.fpu ? "-mfloat-abi=hard -mfpu=fpv4-sp-d16" : "-mfloat-abi=soft");
}

std::string_view probe_name(ProbeInterface interface) {
  for (const ProbeInterfaceInfo& info : probe_interfaces()) {
    if (info.interface == interface) return info.name;
  }
  return {};
}

TemplateValues template_values(const NewProject& project, const std::string& name) {
  const Device& device = project.device;
  const HeapSection heap = default_heap(device.ram_size);
  std::string pools;
  for (const heap::PoolSpec& pool : heap.pools) {
    pools +=
        fmt::format("    {{ block = \"{}\", capacity = {} }},\n", pool.block_size, pool.capacity);
  }
  return {
      {"name", name},
      {"device", std::string(device.name)},
      {"core_flags", core_flags(device)},
      {"core_clock", std::to_string(device.core_clock_hz)},
      {"heap_size", format_size(heap.size)},
      {"pools", pools},
      {"flash_origin", fmt::format("{:#010x}", device.flash_origin)},
      {"flash_size", format_size(device.flash_size)},
      {"ram_origin", fmt::format("{:#010x}", device.ram_origin)},
      {"ram_size", format_size(device.ram_size)},
      {"probe", std::string(probe_name(project.probe))},
      {"baud", grouped(usual_baud(device.trace_clock_hz))},
      {"trace_clock", grouped(device.trace_clock_hz)},
  };
}

/// `option` is what sets the size on the command line.
void check_memory(std::string_view what, std::string_view option, std::uint32_t origin,
                  std::uint32_t size, std::uint32_t least) {
  if (size < least) {
    throw Error(ExitStatus::kUsage,
                fmt::format("{} bytes of {} are too little for a project", size, what),
                fmt::format("{} is at least {}", option, format_size(least)));
  }
  if (std::uint64_t{origin} + size > (std::uint64_t{1} << 32U)) {
    throw Error(
        ExitStatus::kUsage,
        fmt::format("{} of {} bytes at {:#010x} ends beyond the address space", what, size, origin),
        fmt::format("{} at most {}", option, (std::uint64_t{1} << 32U) - origin));
  }
}

void check_apart(const Device& device) {
  const std::uint64_t flash_end = std::uint64_t{device.flash_origin} + device.flash_size;
  const std::uint64_t ram_end = std::uint64_t{device.ram_origin} + device.ram_size;
  if (device.flash_origin >= ram_end || device.ram_origin >= flash_end) return;
  const bool flash_first = device.flash_origin < device.ram_origin;
  throw Error(
      ExitStatus::kUsage,
      fmt::format("flash of {} bytes at {:#010x} and RAM of {} bytes at {:#010x} overlap",
                  device.flash_size, device.flash_origin, device.ram_size, device.ram_origin),
      fmt::format("{} at most {}", flash_first ? "--flash-size" : "--ram-size",
                  flash_first ? device.ram_origin - device.flash_origin
                              : device.flash_origin - device.ram_origin));
}

/// Folders that were made for a project; removes them, unless told to keep them.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    // The last made first. An error here could only hide the one that led here.
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
      std::error_code ignored;
      fs::remove_all(*path, ignored);
    }
  }

  void add(const fs::path& path) { made_.push_back(path); }
  void keep() { made_.clear(); }

 private:
  std::vector<fs::path> made_;
};

[[noreturn]] void fail_create(const fs::path& path, const std::string& reason) {
  throw Error(ExitStatus::kInput, "cannot create '" + path.string() + "': " + reason);
}

/// Creates a folder and what is missing above it.
void create_folders(const fs::path& folder, Undo& undo) {
  if (folder.empty()) return;
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (fs::is_directory(status)) return;
  if (fs::exists(status)) fail_create(folder, "it exists and is not a folder");
  create_folders(folder.parent_path(), undo);
  if (fs::create_directory(folder, error)) undo.add(folder);
  if (error) fail_create(folder, error.message());
}

/// The characters that end a name, or begin something else, in a makefile, a linker script, CMake
/// or TOML: a project in such a folder could not be built.
void check_name(std::string_view name) {
  constexpr std::string_view kRefused = "\"$`;#\\:|";
  if (name.empty()) {
    throw Error(ExitStatus::kUsage, "the project's folder has no name", "name it: drone new node");
  }
  for (const char c : name) {
    const auto code = static_cast<unsigned char>(c);
    const bool is_control = code < 0x20 || code == 0x7F;
    if (!is_control && kRefused.find(c) == std::string_view::npos) continue;
    std::string shown;
    for (const char other : name) {
      const auto value = static_cast<unsigned char>(other);
      shown +=
          value < 0x20 || value == 0x7F ? fmt::format("\\x{:02x}", value) : std::string(1, other);
    }
    throw Error(
        ExitStatus::kUsage,
        fmt::format("a project's folder cannot be called '{}': {} cannot be built with", shown,
                    is_control ? fmt::format("the control character {:#04x}", code)
                               : fmt::format("the character {}", c)),
        "spaces, letters of any language, digits, - _ . and most other characters can");
  }
}

void require_empty(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found) {
    // A part of the path that is a file, and a symbolic link to nothing, look as if nothing were
    // there. Creating the folder tells the first.
    if (fs::is_symlink(fs::symlink_status(folder, error))) {
      fail_create(folder, "it is a symbolic link to nothing");
    }
    return;
  }
  if (status.type() == fs::file_type::none) fail_create(folder, error.message());
  if (!fs::is_directory(status)) {
    throw Error(ExitStatus::kInput, '\'' + folder.string() + "' exists and is not a folder",
                "name a folder that does not exist yet");
  }
  const bool is_empty = fs::is_empty(folder, error);
  if (error) fail_create(folder, error.message());
  if (!is_empty) {
    throw Error(ExitStatus::kInput, '\'' + folder.string() + "' exists and is not empty",
                "name a folder that does not exist yet, or an empty one");
  }
}

}  // namespace

std::string project_name(std::string_view folder_name) {
  std::string name;
  bool has_letter_or_digit = false;
  for (const char c : folder_name) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool is_digit = c >= '0' && c <= '9';
    has_letter_or_digit = has_letter_or_digit || is_letter || is_digit;
    if (name.empty() && (is_digit || c == '-')) name += '_';
    name += is_letter || is_digit || c == '-' ? c : '_';
  }
  return has_letter_or_digit ? name : "firmware";
}

HeapSection default_heap(std::uint32_t ram_size) {
  constexpr auto kBlocks = std::to_array<std::uint32_t>({8, 16, 32, 64, 128, 256, 512});
  HeapSection heap;
  heap.size = ram_size >= kRamForUsualHeap ? kUsualHeap : kSmallHeap;
  const std::uint32_t share = heap.size / static_cast<std::uint32_t>(kBlocks.size());
  std::uint32_t spare = heap.size;
  for (const std::uint32_t block : kBlocks) {
    heap.pools.push_back({block, share / block});
    spare -= share / block * block;
  }
  // What rounding left over goes to the largest blocks that it fills.
  for (auto pool = heap.pools.rbegin(); pool != heap.pools.rend(); ++pool) {
    pool->capacity += spare / pool->block_size;
    spare %= pool->block_size;
  }
  return heap;
}

MadeProject make_project(const NewProject& project, const fs::path& templates) {
  check_memory("flash", "--flash-size", project.device.flash_origin, project.device.flash_size,
               kLeastFlash);
  check_memory("RAM", "--ram-size", project.device.ram_origin, project.device.ram_size, kLeastRam);
  check_apart(project.device);
  const fs::path folder = project.folder.lexically_normal();
  const fs::path named = folder.has_filename() ? folder : folder.parent_path();
  // The folders above matter as well: the whole path stands in what CMake writes.
  check_name(named.string());
  require_empty(folder);

  MadeProject made;
  made.name = project_name(named.filename().string());
  Undo undo;
  create_folders(named, undo);
  // Everything is made ready out of the way, then put in place by renaming.
  std::string staging_name = (named / ".drone-new.XXXXXX").string();
  if (::mkdtemp(staging_name.data()) == nullptr) {
    fail_create(named, std::error_code(errno, std::generic_category()).message());
  }
  const fs::path staging = staging_name;
  undo.add(staging);
  made.files =
      instantiate_folder(templates / "project", template_values(project, made.name), staging);
  // Proves what was written, memory sizes from the command line included.
  made.manifest = parse_manifest(read_file(staging / kManifestName), named / kManifestName);
  made.manifest.path = named / kManifestName;

  std::error_code error;
  std::vector<fs::path> entries;
  for (const fs::path& file : made.files) {
    const fs::path entry = *file.begin();
    if (entries.empty() || entries.back() != entry) entries.push_back(entry);
  }
  for (const fs::path& entry : entries) {
    fs::rename(staging / entry, named / entry, error);
    if (error) fail_create(named / entry, error.message());
    undo.add(named / entry);
  }
  fs::remove(staging, error);
  undo.keep();
  return made;
}

}  // namespace drone::project
