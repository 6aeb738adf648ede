// SPDX-License-Identifier: MIT
#include "cli/heap_input.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <ostream>
#include <system_error>
#include <utility>
#include <vector>

#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

/// A trace that can be read only once (a pipe, standard input), kept so that it can be read again.
class KeptTrace {
 public:
  KeptTrace(std::filesystem::path path, FileProgress& progress)
      : path_(std::move(path)), progress_(progress) {}

  std::unique_ptr<ByteSource> open() {
    if (!bytes_) bytes_ = read_all();
    return progress_.watch(std::make_unique<MemorySource>(*bytes_), bytes_->size());
  }

 private:
  static constexpr std::size_t kMostBytes = std::size_t{1} << 30;

  std::vector<std::byte> read_all() const {
    const std::unique_ptr<ByteSource> source = progress_.watch(open_source(path_), 0);
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
  FileProgress& progress_;
  std::optional<std::vector<std::byte>> bytes_;
};

heaptrace::OpenStream opener(const std::filesystem::path& path,
                             const std::shared_ptr<FileProgress>& progress) {
  std::error_code failure;
  if (std::filesystem::is_regular_file(path, failure)) {
    const std::uint64_t bytes = std::filesystem::file_size(path, failure);
    return [path, bytes, progress] { return progress->watch(open_source(path), bytes); };
  }
  return [kept = std::make_shared<KeptTrace>(path, *progress), progress] { return kept->open(); };
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

/// Two times the same trace: its peaks are what they are, but its allocations count twice.
void check_repeated(const TraceInput& trace, std::span<const TraceInput> others,
                    Environment& environment) {
  for (const TraceInput& other : others) {
    std::error_code failure;
    if (other.path != trace.path && !std::filesystem::equivalent(other.path, trace.path, failure)) {
      continue;
    }
    if (!std::filesystem::is_regular_file(trace.path, failure)) {
      throw Error(ExitStatus::kUsage, "'" + trace.file.string() + "' can be read only once",
                  "name it once");
    }
    environment.err << "warning: '" << trace.file.string()
                    << "' is named twice: its allocations count twice\n";
    return;
  }
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

bool begins_as_summary(ByteSource& source) {
  std::array<std::byte, layout::kSummaryMagic.size()> head{};
  std::size_t size = 0;
  while (const std::size_t n = source.read(std::span(head).subspan(size))) {
    size += n;
    if (size == head.size()) break;
  }
  return layout::is_summary(std::span(head).first(size));
}

HeapInput heap_input(const HeapOptions& options, Environment& environment, OldPools old_pools) {
  HeapInput input;
  const heaptrace::InputFormat format = heaptrace::parse_input_format(options.input_format);
  if (options.size) {
    input.size = project::parse_size(*options.size);
    if (*input.size == 0) throw Error(ExitStatus::kUsage, "a heap of 0 bytes has no usage");
  }
  const auto manifest_path = project::find_manifest(environment.directory);
  input.manifest = manifest_path;
  if (options.heap && !manifest_path) {
    throw Error(ExitStatus::kInput, "--heap names a heap of a project, and this is in none",
                "run it where Drone.toml is, or say file, port and size: drone heap -f FILE --port "
                "30 -s 10K");
  }
  if (manifest_path) {
    try {
      input.manifest_text = read_file(*manifest_path);
      std::optional<std::string_view> replaced;
      if (old_pools == OldPools::kReplaced) replaced = "";
      if (replaced && options.heap) replaced = *options.heap;
      input.section = select_heap(
          options, project::parse_manifest(input.manifest_text,
                                           project::display_name(*manifest_path), replaced));
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
  std::vector<std::filesystem::path> files = options.files;
  if (files.empty()) {
    // A heap chosen by its port alone may be in any file.
    files.emplace_back(
        project::trace_file_name(options.heap ? input.section : project::HeapSection()));
    if (manifest_path && manifest_path->parent_path() != root) {
      root = manifest_path->parent_path();
      files.front() = root / files.front();
    }
  }
  for (const std::filesystem::path& file : files) {
    TraceInput trace;
    trace.file = file;
    trace.path = file == "-" ? std::filesystem::path("/dev/stdin") : root / file;
    trace.read.format = format.file;
    trace.read.input = format.itm;
    trace.read.port = options.port.value_or(input.section.port);
    if (options.follow) {
      check_followed(trace.path, trace.file);
      std::error_code failure;
      if (std::filesystem::exists(trace.path, failure) &&
          begins_as_summary(*open_source(trace.path))) {
        throw Error(ExitStatus::kUsage,
                    "'" + trace.file.string() + "' is a summary, and grows no more",
                    "drone heap -f " + trace.file.string() + " prints its table");
      }
    } else {
      check_trace(trace.path, trace.file);
      trace.progress = std::make_shared<FileProgress>(trace.file.string(), environment);
      trace.open = opener(trace.path, trace.progress);
      trace.is_summary = begins_as_summary(*trace.open());
    }
    check_repeated(trace, input.traces, environment);
    input.traces.push_back(std::move(trace));
  }
  return input;
}

Error about(const TraceInput& input, const Error& error) {
  return {error.status(), "reading trace '" + input.file.string() + "': " + error.message(),
          error.hint()};
}

heaptrace::Summary read_trace(
    const TraceInput& input, const std::function<void()>& restart,
    const std::function<void(std::span<const heaptrace::Event>)>& consume) {
  try {
    return heaptrace::read_events(input.open, input.read, restart, consume);
  } catch (const Error& error) {
    throw about(input, error);
  }
}

std::function<void(double done)> joint_peaks_progress(const TraceInput& input) {
  return [progress = input.progress](double done) { progress->work("finding joint peaks", done); };
}

void note_format(const heaptrace::Summary& trace, const TraceInput& input,
                 Environment& environment) {
  if (trace.is_cut) {
    environment.err << "note: the file ends in the middle of its " << name_of(trace.compression)
                    << " data: what came before that counts\n";
  }
  if (trace.of_64_bit_program) {
    environment.err << "note: it was recorded of a 64-bit program, whose pointers are twice as "
                       "large as those of a Cortex-M: record one that is built with -m32\n";
  }
  const bool is_itm = trace.format == heaptrace::FileFormat::kItm;
  if (is_itm ? !trace.input.inferred : input.read.format.has_value()) return;
  if (is_itm && trace.input.kind == itm::InputKind::kItm) return;
  environment.err << "note: '" << input.file.string() << "' is read as "
                  << heaptrace::describe(trace.format, trace.input)
                  << " (--input-format decides otherwise)\n";
}

DescribedTrace described(const TraceInput& input, const heaptrace::Summary& trace) {
  return {input.file.string(), trace.description.heap_size, trace.description.base_alignment};
}

layout::HeapSummary read_summary(const TraceInput& input) {
  const std::unique_ptr<ByteSource> source = input.open();
  std::vector<std::byte> bytes;
  std::vector<std::byte> buffer(std::size_t{1} << 16);
  while (const std::size_t n = source->read(buffer)) {
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
  }
  try {
    return layout::decode_summary(bytes);
  } catch (const Error& error) {
    throw Error(error.status(), "reading '" + input.file.string() + "': " + error.message(),
                error.hint());
  }
}

void describe(const TraceInput& input, const layout::HeapSummary& summary,
              std::vector<DescribedTrace>& said) {
  DescribedTrace least{input.file.string()};
  DescribedTrace most = least;
  if (summary.heap_size) {
    least.heap_size = summary.heap_size->least;
    most.heap_size = summary.heap_size->most;
  }
  if (summary.base_alignment) {
    least.base_alignment = summary.base_alignment->least;
    most.base_alignment = summary.base_alignment->most;
  }
  said.push_back(least);
  if (least.heap_size != most.heap_size || least.base_alignment != most.base_alignment) {
    said.push_back(most);
  }
}

std::uint32_t heap_size(const HeapInput& input, std::span<const DescribedTrace> traces) {
  if (input.size) return *input.size;
  const DescribedTrace* sized = nullptr;
  for (const DescribedTrace& each : traces) {
    if (!each.heap_size) continue;
    if (sized != nullptr && sized->heap_size != each.heap_size) {
      throw Error(ExitStatus::kInput,
                  "the traces are of heaps of different sizes: '" + sized->name + "' says " +
                      std::to_string(*sized->heap_size) + " bytes, '" + each.name + "' " +
                      std::to_string(*each.heap_size),
                  "say which size the heap is to have, as in -s " +
                      project::format_size(std::max(*sized->heap_size, *each.heap_size)));
    }
    sized = &each;
  }
  if (sized != nullptr) return *sized->heap_size;
  throw Error(ExitStatus::kInput,
              "the size of the heap is unknown: neither a Drone.toml nor " +
                  (traces.size() == 1 ? "the trace '" + traces.front().name + "' says it"
                                      : std::string("one of the traces says it")),
              "give it, as in -s 10K");
}

std::uint32_t base_alignment(const HeapInput& input, std::span<const DescribedTrace> traces) {
  std::optional<std::uint32_t> largest;
  for (const DescribedTrace& each : traces) {
    if (each.base_alignment) largest = std::max(largest.value_or(0), *each.base_alignment);
  }
  return largest.value_or(input.base_alignment.value_or(4));
}

void warn_of_alignments(std::span<const DescribedTrace> traces, Environment& environment) {
  const DescribedTrace* known = nullptr;
  for (const DescribedTrace& each : traces) {
    if (!each.base_alignment) continue;
    if (known == nullptr) known = &each;
    if (known->base_alignment == each.base_alignment) continue;
    environment.err << "warning: '" << known->name
                    << "' is of a heap with alignment = " << *known->base_alignment << ", '"
                    << each.name << "' of one with alignment = " << *each.base_alignment
                    << ": with 8, every request asks for that\n";
    return;
  }
}

}  // namespace drone::cli
