// SPDX-License-Identifier: MIT
#include "cli/heap_input.hpp"

#include <cstddef>
#include <memory>
#include <ostream>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/progress.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

/// A trace that can be read only once (a pipe, standard input), kept so that it can be read again.
class KeptTrace {
 public:
  explicit KeptTrace(std::filesystem::path path) : path_(std::move(path)) {}

  std::unique_ptr<ByteSource> open() {
    if (!bytes_) bytes_ = read_all();
    return std::make_unique<MemorySource>(*bytes_);
  }

 private:
  static constexpr std::size_t kMostBytes = std::size_t{1} << 30;

  std::vector<std::byte> read_all() const {
    const std::unique_ptr<ByteSource> source = open_source(path_);
    std::vector<std::byte> bytes;
    std::vector<std::byte> buffer(std::size_t{1} << 16);
    while (const std::size_t n = source->read(buffer)) {
      if (bytes.size() + n > kMostBytes) {
        throw Error(ExitStatus::kInput, "the trace is too long to be read from a pipe",
                    "write it into a file first");
      }
      bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return bytes;
  }

  std::filesystem::path path_;
  std::optional<std::vector<std::byte>> bytes_;
};

heaptrace::OpenStream opener(const std::filesystem::path& path, const std::string& shown,
                             const Environment& environment) {
  std::error_code failure;
  if (std::filesystem::is_regular_file(path, failure)) {
    return with_progress([path] { return open_source(path); }, "reading " + shown,
                         std::filesystem::file_size(path, failure), environment);
  }
  return [kept = std::make_shared<KeptTrace>(path)] { return kept->open(); };
}

void check_trace(const std::filesystem::path& path, const std::filesystem::path& shown) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw Error(ExitStatus::kInput, "there is no trace '" + shown.string() + "'",
                heaptrace::kHowToRecord);
  }
  if (status.type() == std::filesystem::file_type::directory) {
    throw Error(ExitStatus::kInput, "'" + shown.string() + "' is a folder, not a trace");
  }
  if (status.type() == std::filesystem::file_type::regular &&
      std::filesystem::file_size(path, failure) == 0) {
    throw Error(ExitStatus::kInput,
                "the trace '" + shown.string() + "' is empty: the capture got nothing",
                std::string("check that the program has the heaptrace feature and runs; ") +
                    heaptrace::kHowToRecord);
  }
}

/// What is followed grows, and may not be there yet.
void check_followed(const std::filesystem::path& path, const std::filesystem::path& shown) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) return;
  throw Error(ExitStatus::kUsage, "'" + shown.string() + "' is no file that could be followed",
              "record into one: drone itm --heaptrace heaptrace");
}

/// The heap that the options are about.
const project::HeapSection& select_heap(const HeapOptions& options,
                                        const project::Manifest& manifest) {
  const std::vector<const project::HeapSection*> heaps = project::all_heaps(manifest);
  if (!options.heap) {
    for (const project::HeapSection* const heap : heaps) {
      if (options.port == heap->port) return *heap;
    }
    return manifest.heap;
  }
  std::string names;
  for (const project::HeapSection* const heap : heaps) {
    if (!heap->name.empty() && heap->name == *options.heap) return *heap;
    names += (names.empty() ? "[" : ", [") + project::section_name(*heap) + ']';
  }
  throw Error(ExitStatus::kUsage, "there is no [heap." + *options.heap + "] in Drone.toml",
              "there are: " + names + "; without --heap, [heap] is meant");
}

}  // namespace

HeapInput heap_input(const HeapOptions& options, Environment& environment) {
  HeapInput input;
  const heaptrace::InputFormat format = heaptrace::parse_input_format(options.input_format);
  input.read.format = format.file;
  input.read.input = format.itm;
  if (options.size) {
    input.size = project::parse_size(*options.size);
    if (*input.size == 0) throw Error(ExitStatus::kUsage, "a heap of 0 bytes has no usage");
  }
  const auto manifest_path = project::find_manifest(environment.directory);
  if (options.heap && !manifest_path) {
    throw Error(ExitStatus::kInput, "--heap names a heap of a project, and this is in none",
                "run it where Drone.toml is, or say file, port and size: drone heap -f FILE --port "
                "30 -s 10K");
  }
  if (manifest_path) {
    try {
      input.section = select_heap(options, project::load_manifest(*manifest_path));
      // A project whose heap is only watched has no [heap].
      if (!input.section.pools.empty()) {
        if (!input.size) input.size = input.section.size;
        input.base_alignment = input.section.alignment;
      }
    } catch (const Error& error) {
      // The size is known without it, and the alignment is in the trace.
      if (!input.size || options.heap) throw;
      environment.err << "warning: " << error.message() << '\n';
    }
  }

  std::filesystem::path root = environment.directory;
  if (options.file) {
    input.file = *options.file;
  } else {
    // A heap chosen by its port alone may be in any file.
    input.file = project::trace_file_name(options.heap ? input.section : project::HeapSection());
    if (manifest_path && manifest_path->parent_path() != root) {
      root = manifest_path->parent_path();
      input.file = root / input.file;
    }
  }
  const std::filesystem::path path =
      options.file == "-" ? std::filesystem::path("/dev/stdin") : root / input.file;
  input.path = path;
  if (options.follow) {
    check_followed(path, input.file);
  } else {
    check_trace(path, input.file);
    input.open = opener(path, input.file.string(), environment);
  }
  input.read.port = options.port.value_or(input.section.port);
  return input;
}

Error about(const HeapInput& input, const Error& error) {
  return {error.status(), "reading trace '" + input.file.string() + "': " + error.message(),
          error.hint()};
}

heaptrace::Summary read_trace(
    const HeapInput& input, const std::function<void()>& restart,
    const std::function<void(std::span<const heaptrace::Event>)>& consume) {
  try {
    return heaptrace::read_events(input.open, input.read, restart, consume);
  } catch (const Error& error) {
    throw about(input, error);
  }
}

void note_format(const heaptrace::Summary& trace, const HeapInput& input,
                 Environment& environment) {
  const bool is_itm = trace.format == heaptrace::FileFormat::kItm;
  if (is_itm ? !trace.input.inferred : input.read.format.has_value()) return;
  if (is_itm && trace.input.kind == itm::InputKind::kItm) return;
  environment.err << "note: the trace is read as " << heaptrace::describe(trace.format, trace.input)
                  << " (--input-format decides otherwise)\n";
}

std::uint32_t heap_size(const HeapInput& input, const heaptrace::Description& description) {
  if (input.size) return *input.size;
  if (description.heap_size) return *description.heap_size;
  throw Error(ExitStatus::kInput,
              "the size of the heap is unknown: neither a Drone.toml nor the trace '" +
                  input.file.string() + "' says it",
              "give it, as in -s 10K");
}

std::uint32_t base_alignment(const HeapInput& input, const heaptrace::Description& description) {
  if (description.base_alignment) return *description.base_alignment;
  return input.base_alignment.value_or(4);
}

}  // namespace drone::cli
