// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/color.hpp"
#include "cli/heap.hpp"
#include "cli/heap_record.hpp"
#include "cli/itm.hpp"
#include "cli/new.hpp"
#include "cli/print.hpp"
#include "cli/target.hpp"
#include "heaptrace/input_format.hpp"
#include "layout/suggest.hpp"
#include "project/manifest.hpp"
#include "project/nearest.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

/// The command that the parsed line names; the last subcommand on it wins.
using Run = std::function<ExitStatus()>;

/// "drone heap generate", as far as the line named commands.
std::string command_name(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return app.get_name() + (commands.empty() ? "" : " " + command_name(*commands.front()));
}

/// Accepts the named words only.
CLI::Validator one_of(const std::vector<std::string>& words) {
  return {[words](const std::string& given) {
            if (std::find(words.begin(), words.end(), given) != words.end()) return std::string();
            std::string text = "'" + given + "' is none of ";
            for (const std::string& word : words) text += (&word == &words[0] ? "" : ", ") + word;
            return text;
          },
          ""};
}

/// Accepts whole numbers from `least` to `most`.
CLI::Validator number_in(std::uint64_t least, std::uint64_t most) {
  return {[least, most](const std::string& given) {
            std::uint64_t number = 0;
            const char* const end = given.data() + given.size();
            const auto [stop, failure] = std::from_chars(given.data(), end, number);
            if (failure == std::errc() && stop == end && number >= least && number <= most) {
              return std::string();
            }
            return "'" + given + "' is no number from " + std::to_string(least) + " to " +
                   std::to_string(most);
          },
          ""};
}

/// That an option which takes one value has several.
std::string given_too_often(const std::string& option, const std::vector<std::string>& values) {
  std::string text = option + " takes one value, and is given ";
  text += values.size() == 2 ? "twice" : std::to_string(values.size()) + " times";
  for (const std::string& value : values) {
    text += &value == &values.front() ? ": " : &value == &values.back() ? " and " : ", ";
    text += value;
  }
  return text;
}

/// What is wrong with the line, in words.
std::string describe(const CLI::ParseError& error, const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  if (at->get_require_subcommand_min() != 0) {
    std::string names;
    for (const CLI::App* const each : at->get_subcommands([](const CLI::App*) { return true; })) {
      names += (names.empty() ? "" : ", ") + each->get_name();
    }
    return "a command is missing; there are: " + names;
  }
  std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string name = text.substr(0, text.find(':'));
    for (const CLI::App* owner = at; owner != nullptr; owner = owner->get_parent()) {
      const CLI::Option* const option = owner->get_option_no_throw(name);
      if (option != nullptr && option->count() > 1) return given_too_often(name, option->results());
    }
    return name + " needs a value";
  }
  return text;
}

/// The word on the line that stands where a command is needed and is none; what it may have meant.
std::optional<Error> unknown_command(const CLI::App& app, std::span<const char* const> arguments) {
  const CLI::App* at = &app;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string word = arguments[i];
    if (word == "--color") ++i;
    if (word.starts_with("--color")) continue;
    if (word.starts_with('-')) break;  // no option that may stand here: that is the mistake
    const auto commands = at->get_subcommands([](const CLI::App*) { return true; });
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](const CLI::App* each) { return each->get_name() == word; });
    if (found != commands.end()) {
      at = *found;
      continue;
    }
    if (at->get_require_subcommand_min() == 0) break;
    std::vector<std::string> names;
    names.reserve(commands.size());
    for (const CLI::App* const each : commands) names.push_back(each->get_name());
    const std::vector<std::string_view> known(names.begin(), names.end());
    const std::string fallback = "there are: " + project::join(known);
    return Error(ExitStatus::kUsage, "there is no command '" + word + "'",
                 project::did_you_mean(word, known, fallback));
  }
  return std::nullopt;
}

void add_new(CLI::App& app, Run& run, Environment& environment) {
  auto options = std::make_shared<NewOptions>();
  CLI::App* command =
      app.add_subcommand("new", "Make a firmware project with a heap made of pools");
  command->footer(
      "Example:\n"
      "  drone new node --device stm32f407vg\n"
      "  cd node && just flash && just itm\n\n"
      "`drone print devices` lists the devices, `drone print probes` the probes.");
  command->add_option("path", options->path, "Folder to create")->type_name("PATH")->required();
  command
      ->add_option("--device", options->device,
                   "Microcontroller, as `drone print devices` lists it")
      ->type_name("DEVICE")
      ->required();
  command
      ->add_option("--probe", options->probe, "How to reach it, as `drone print probes` lists it")
      ->type_name("PROBE")
      ->capture_default_str();
  command
      ->add_option("--flash-size", options->flash_size,
                   "Flash, instead of the device's: bytes, or K, M")
      ->type_name("SIZE");
  command
      ->add_option("--ram-size", options->ram_size, "RAM, instead of the device's: bytes, or K, M")
      ->type_name("SIZE");
  command->callback([&run, &environment, options] {
    run = [&environment, options] { return run_new(*options, environment); };
  });
}

void add_target(CLI::App& app, Run& run, Environment& environment) {
  auto flash = std::make_shared<FlashOptions>();
  CLI::App* command = app.add_subcommand("flash", "Write a program into the target's flash");
  command->add_option("elf", flash->elf, "The program, an ELF file")->type_name("ELF")->required();
  command->callback([&run, &environment, flash] {
    run = [&environment, flash] { return run_flash(*flash, environment); };
  });

  command = app.add_subcommand("reset", "Restart the program on the target");
  command->callback(
      [&run, &environment] { run = [&environment] { return run_reset(environment); }; });

  auto gdb = std::make_shared<GdbOptions>();
  command = app.add_subcommand("gdb", "Debug the program on the target");
  command->add_option("elf", gdb->elf, "The program [default: what was flashed last]")
      ->type_name("ELF");
  command->add_flag("--reset", gdb->reset, "Restart the program first");
  command->callback([&run, &environment, gdb] {
    run = [&environment, gdb] { return run_gdb(*gdb, environment); };
  });
}

void add_itm(CLI::App& app, Run& run, Environment& environment) {
  auto options = std::make_shared<ItmOptions>();
  CLI::App* command = app.add_subcommand("itm", "Show or record what the target sends over ITM");
  command->footer(
      "Ctrl-C ends a capture in order; everything until then is kept. A second one ends it at\n"
      "once. What a slow disk or terminal cannot take yet is kept in memory (64 MB). Beyond that "
      "a\n"
      "target in real time loses bytes, which are counted and marked in the heaptrace; files,\n"
      "pipes and `--speed max` wait instead, and lose nothing.\n\n"
      "Examples:\n"
      "  drone itm                          show ports 0 and 1\n"
      "  drone itm 0 2:samples.bin          show port 0, write port 2 to a file\n"
      "  drone itm --heaptrace heaptrace    show ports 0 and 1, record the heap\n"
      "  drone itm --heaps                  show them, record all heaps of Drone.toml\n"
      "  drone itm --from file:swo.bin 0    from a recorded stream\n"
      "  drone itm --heaptrace heaptrace --duration 10s --raw swo.bin\n"
      "                                     ten seconds, and the stream itself as well");
  command
      ->add_option("ports", options->ports,
                   "Ports to show, or to write to a file as payload bytes [default: 0 1]")
      ->type_name("PORT[,PORT][:FILE]")
      ->take_all();
  command
      ->add_option("--heaptrace", options->heaptraces,
                   "Record a heap's port (if none is named that of [heap], 31) for `drone heap`")
      ->type_name("[PORT:]FILE")
      ->take_all()
      ->allow_extra_args(false);
  command->add_flag("--heaps", options->heaps,
                    "Record every heap of Drone.toml: [heap] into heaptrace, [heap.NAME] into "
                    "NAME.heaptrace");
  command
      ->add_option(
          "--from", options->from,
          "Where the stream comes from: probe, file:PATH (may be compressed: zstd, gzip, xz), or - "
          "for stdin")
      ->type_name("SOURCE")
      ->capture_default_str();
  command
      ->add_option(
          "--input-format", options->input_format,
          "What the stream of a file or stdin is: auto (told from its bytes), itm, tpiu, or "
          "tpiu:ID, the ITM's stream")
      ->type_name("FORMAT")
      ->capture_default_str();
  command
      ->add_option("--speed", options->speed,
                   "Of the emulated board: real (time), or max, as fast as it goes")
      ->type_name("SPEED")
      ->check(one_of({"real", "max"}))
      ->capture_default_str();
  command->add_flag("--reset", options->reset,
                    "Restart the program, so that the capture has its beginning");
  command->add_flag("--allow-gaps", options->allow_gaps,
                    "Exit status 0 also when a heap's port did not come through whole");
  command
      ->add_option("--raw", options->raw,
                   "Keep the stream as it comes, too; --from file:FILE replays it, with the same "
                   "--events if any")
      ->type_name("FILE");
  command
      ->add_option("--duration", options->duration,
                   "End the capture after this time: 10s, 500ms, 2m, 1h")
      ->type_name("TIME");
  command
      ->add_option("--events", options->events,
                   "End it when so many events are recorded, of all heaps together")
      ->type_name("N");
  command->callback([&run, &environment, options] {
    run = [&environment, options] { return run_itm(*options, environment); };
  });
}

/// The line without the `--` that may stand before the program of `drone heap record`. CLI11 would
/// hand what follows it to `drone heap`.
std::vector<const char*> without_mark(std::span<const char* const> arguments) {
  std::vector<const char*> all(arguments.begin(), arguments.end());
  const auto is = [](const char* word, std::string_view name) { return word == name; };
  auto at = std::find_if(all.begin(), all.end(), [&](auto word) { return is(word, "heap"); });
  at = std::find_if(at, all.end(), [&](auto word) { return is(word, "record"); });
  while (at != all.end() && ++at != all.end() && (*at)[0] == '-') {
    if (is(*at, "--")) {
      all.erase(at);
      break;
    }
    const bool has_value = is(*at, "-o") || is(*at, "--output") || is(*at, "--max-request");
    if (has_value && ++at == all.end()) break;
  }
  return all;
}

void add_heap_record(CLI::App& heap, Run& run, Environment& environment) {
  auto options = std::make_shared<RecordOptions>();
  CLI::App* command = heap.add_subcommand(
      "record", "Run a program of this machine, and record what it asks of its heap");
  command->footer(
      "What stands after PROGRAM is handed to it. Its input, output and exit status pass through.\n"
      "Every malloc, new, realloc, free and delete is recorded until it ends, however it ends. "
      "What\n"
      "it started is not recorded, unless FILE has a %p: then each process has a file of its own,\n"
      "with its number in place of the %p.\n\n"
      "So firmware code that is built for this machine can be tuned, its tests for example. Build "
      "it\n"
      "with -m32: then pointers, and what holds them, are as large as on a Cortex-M. Buffers that "
      "it\n"
      "has only here, such as those of stdio, can be left out by their size.\n\n"
      "Examples:\n"
      "  drone heap record ./tests --fast        record it into heaptrace,\n"
      "  drone heap -s 64K                       show what it asked for,\n"
      "  drone heap generate --pools 8 --fit     and the pools that serve it\n"
      "  drone heap record --resizes --max-request 4000 -o lua.heaptrace lua5.4 telemetry.lua\n"
      "  drone heap record -o run.%p.heaptrace sh run_all_tests");
  command->add_option("-o,--output", options->file, "The trace; one that is there is replaced")
      ->type_name("FILE")
      ->capture_default_str();
  command
      ->add_option_function<std::string>(
          "--max-request",
          [options](const std::string& size) { options->max_request = project::parse_size(size); },
          "Leave out requests of more bytes, and what becomes of their blocks")
      ->type_name("SIZE");
  command->add_flag(
      "--resizes", options->resizes,
      "Record each realloc as a resize, also where it moved the block: in the pools it may "
      "stay");
  command->fallthrough(false);
  command->prefix_command();
  command->callback([&run, &environment, options, command] {
    options->command = command->remaining();
    if (!options->command.empty() && options->command.front().starts_with('-')) {
      throw Error(
          ExitStatus::kUsage, "there is no option " + options->command.front(),
          "the options of `drone heap record` are -o, --max-request and --resizes; what is the "
          "program's stands after its name");
    }
    if (options->command.empty()) {
      throw Error(ExitStatus::kUsage, "the program is missing",
                  "drone heap record PROGRAM ARGUMENTS");
    }
    run = [&environment, options] { return run_heap_record(*options, environment); };
  });
}

void add_heap(CLI::App& app, Run& run, Environment& environment) {
  auto heap = std::make_shared<HeapOptions>();
  auto generate_options = std::make_shared<GenerateOptions>();
  CLI::App* command =
      app.add_subcommand("heap", "Show what the program asks of its heap, and tune it");
  command->footer(
      "Record a trace first, with the heaptrace feature built in:\n"
      "  just features=heaptrace flash\n"
      "  just heaptrace\n\n"
      "Examples:\n"
      "  drone heap -f heaptrace -s 10K     the table of one trace\n"
      "  drone heap -f boot -f a-day        one table over both: the largest max counts, the sums\n"
      "                                     of allocations\n\n"
      "Of code that runs on a Linux host, recordings of mtrace and heaptrack are read as well, "
      "and\n"
      "plain text: `a ID SIZE`, `r ID SIZE` or `f ID` a line. Files may be compressed (zstd, "
      "gzip,\n"
      "xz). docs/imports.md says how to record each.\n\n"
      "The exit status is 0 also where the table rests on a trace that is not whole; the table\n"
      "says so. `drone itm` has checked that.");
  command
      ->add_option("--heap", heap->heap, "Which heap of Drone.toml: [heap.NAME] [default: [heap]]")
      ->type_name("NAME");
  command
      ->add_option("-f,--file", heap->files,
                   "The trace; several, as in -f A -f B, count together [default: heaptrace; with "
                   "--heap, NAME.heaptrace]")
      ->type_name("FILE")
      ->take_all()
      ->allow_extra_args(false);
  command
      ->add_option("-s,--size", heap->size,
                   "Size of the heap: bytes, or K, M [default: Drone.toml's, else the trace's own]")
      ->type_name("SIZE");
  command
      ->add_option("--port", heap->port,
                   "The heap's ITM stimulus port, 0 to 31 [default: Drone.toml's, else 31]")
      ->type_name("PORT")
      ->check(number_in(0, 31));
  command
      ->add_option("--input-format", heap->input_format,
                   "What the file is: " + std::string(heaptrace::kInputFormats) +
                       " (ID: the ITM's stream in TPIU frames)")
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_flag("--follow", heap->follow,
                    "Show the table while the trace is recorded, until that or Ctrl-C ends it");
  // Options of `generate` may stand before it, too.
  const auto add_generate_options = [generate_options](CLI::App* to, const std::string& group) {
    to->add_option("--pools", generate_options->pools,
                   "Most pools to use, 1 to " + std::to_string(layout::kMaxPools) +
                       "; more waste less. Without it, what each number of pools costs is printed")
        ->type_name("N")
        ->check(number_in(1, layout::kMaxPools))
        ->group(group);
    to->add_flag("--tight", generate_options->tight,
                 "The fewest bytes on which the traces run: safe for the timing observed, not for "
                 "every mix of the peaks")
        ->group(group);
    to->add_flag("--no-spill", generate_options->no_spill,
                 "With --tight: no pool serves what overflows from a smaller one")
        ->group(group);
    to->add_flag("--prove", generate_options->prove,
                 "With --tight: try every layout that takes fewer bytes, until there is none left. "
                 "Few are tried anyway; with many pools it can take hours, and Ctrl-C ends it with "
                 "the best found")
        ->group(group);
    to->add_option("--headroom", generate_options->headroom,
                   "At least so many blocks more in every pool than the trace needs, as in 25%")
        ->type_name("PERCENT")
        ->group(group);
    to->add_option(
          "--contexts", generate_options->contexts,
          "Threads and interrupts that may be preempted inside the heap: every pool gets a "
          "block more for each")
        ->type_name("N")
        ->check(number_in(0, 1000))
        ->group(group);
    to->add_option("--seed", generate_options->seed,
                   "Of the search of --tight: the same seed gives the same layout everywhere "
                   "[default: 1]")
        ->type_name("N")
        ->check(number_in(0, std::numeric_limits<std::uint64_t>::max()))
        ->group(group);
    to->add_option("--confidence", generate_options->confidence,
                   "Size the pools so that a run ten times as long fits with this confidence, 50% "
                   "to 99.9%, where the trace allows an estimate")
        ->type_name("PERCENT")
        ->group(group);
    to->add_flag("--fit", generate_options->fit,
                 "No headroom: the heap becomes exactly as large as the layout")
        ->group(group);
    to->add_flag("--write", generate_options->write,
                 "Put the layout into Drone.toml, after showing the difference; all else in it "
                 "stays as it is")
        ->group(group);
  };
  add_generate_options(command, "");
  add_heap_record(*command, run, environment);
  static constexpr std::array kGenerateOptions{
      "--pools",    "--tight", "--no-spill",   "--prove", "--headroom",
      "--contexts", "--seed",  "--confidence", "--fit",   "--write"};
  const auto refuse_generate_options = [command] {
    for (const char* const option : kGenerateOptions) {
      if (command->count(option) == 0) continue;
      throw Error(ExitStatus::kUsage, std::string(option) + " is for `drone heap generate`",
                  "drone heap generate --pools 5");
    }
  };
  command->callback([&run, &environment, heap, command, refuse_generate_options] {
    if (!command->get_subcommands().empty()) return;
    refuse_generate_options();
    run = [&environment, heap] {
      return heap->follow ? run_heap_follow(*heap, environment) : run_heap(*heap, environment);
    };
  });

  CLI::App* generate = command->add_subcommand(
      "generate", "Print a section of Drone.toml that serves the trace best");
  generate->fallthrough();
  generate->footer(
      "The options of `drone heap` (--heap, -f, -s, --port, --input-format) may stand here too.\n\n"
      "Examples:\n"
      "  drone heap generate                        what 1 to 16 pools cost, and which to take\n"
      "  drone heap generate --pools 5 > heap.toml\n"
      "  drone heap generate --pools 8 --tight      fewer bytes, for the timing observed\n"
      "  drone heap generate --pools 8 --write      replace the pools of [heap] in Drone.toml\n"
      "  drone heap generate -f boot -f a-day       a layout that serves both traces");
  add_generate_options(generate, "Options");
  // Before `generate` and behind it they are two options for CLI11.
  const auto refuse_repeated = [command, generate] {
    for (const char* const name : kGenerateOptions) {
      const CLI::Option* const before = command->get_option(name);
      const CLI::Option* const behind = generate->get_option(name);
      const bool is_flag = before->get_items_expected_max() == 0;
      if (is_flag || before->count() == 0 || behind->count() == 0) continue;
      throw Error(ExitStatus::kUsage,
                  given_too_often(name, {before->results().front(), behind->results().front()}),
                  "leave out one of them");
    }
  };
  generate->callback([&run, &environment, heap, generate_options, refuse_repeated] {
    refuse_repeated();
    if (heap->follow) {
      throw Error(ExitStatus::kUsage, "--follow is for `drone heap`: a layout is for a whole trace",
                  "leave out one of them");
    }
    run = [&environment, heap, generate_options] {
      return run_heap_generate(*heap, *generate_options, environment);
    };
  });
  auto merge_options = std::make_shared<MergeOptions>();
  auto merge_inputs = std::make_shared<std::vector<std::filesystem::path>>();
  CLI::App* merge = command->add_subcommand(
      "merge", "Sum traces up in one small file, for `drone heap` and `drone heap generate`");
  merge->fallthrough();
  merge->footer(
      "A summary has the peaks and sums of its traces, not their events. Summaries merge as "
      "traces\n"
      "do, in any order and grouping. Peaks are maxima; allocations, events and losses add up, so\n"
      "what is merged twice counts twice there.\n\n"
      "Examples:\n"
      "  drone heap merge -o night.heap run1 run2 run3      a test suite's traces\n"
      "  drone heap merge -o all.heap monday.heap night.heap a-trace\n"
      "  drone heap -f all.heap -s 10K                      the table of all\n"
      "  drone heap generate -f all.heap --pools 8          a layout for all");
  merge->add_option("-o,--output", merge_options->output, "The summary to write; - for stdout")
      ->type_name("FILE")
      ->required();
  merge->add_option("inputs", *merge_inputs, "Traces and summaries [default: as `drone heap` has]")
      ->type_name("INPUT")
      ->take_all();
  merge->callback([&run, &environment, heap, merge_options, merge_inputs, refuse_generate_options] {
    refuse_generate_options();
    if (heap->follow) {
      throw Error(ExitStatus::kUsage, "--follow is for `drone heap`: what is merged is whole",
                  "leave out one of them");
    }
    heap->files.insert(heap->files.end(), merge_inputs->begin(), merge_inputs->end());
    run = [&environment, heap, merge_options] {
      return run_heap_merge(*heap, *merge_options, environment);
    };
  });

  auto simulate_options = std::make_shared<SimulateOptions>();
  CLI::App* simulate = command->add_subcommand(
      "simulate", "Replay the trace on any layout: would it have run, and at what cost?");
  simulate->fallthrough();
  simulate->footer(
      "The options of `drone heap` (--heap, -f, --port, --input-format) may stand here too.\n\n"
      "Examples:\n"
      "  drone heap simulate                        on the layout in Drone.toml\n"
      "  drone heap generate --pools 8 --fit > eight.toml\n"
      "  drone heap simulate --layout eight.toml    on another one\n"
      "  drone heap simulate -f boot -f a-day       two traces, each on an empty heap\n\n"
      "The exit status is 1 if a request fails that the traced program was served.");
  simulate
      ->add_option("--layout", simulate_options->layout,
                   "A Drone.toml, or what `drone heap generate` printed; - for stdin [default: the "
                   "project's Drone.toml]")
      ->type_name("FILE");
  simulate->callback([&run, &environment, heap, simulate_options, refuse_generate_options] {
    refuse_generate_options();
    if (heap->follow) {
      throw Error(ExitStatus::kUsage, "--follow is for `drone heap`: what is replayed is whole",
                  "leave out one of them");
    }
    run = [&environment, heap, simulate_options] {
      return run_heap_simulate(*heap, *simulate_options, environment);
    };
  });
}

void add_print(CLI::App& app, Run& run, Environment& environment) {
  CLI::App* command =
      app.add_subcommand("print", "Print lists, and what is generated from Drone.toml");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, Printable what) {
    command->add_subcommand(name, description)->callback([&run, &environment, what] {
      run = [&environment, what] { return run_print(what, environment); };
    });
  };
  add("devices", "The devices that `drone new` knows", Printable::kDevices);
  add("probes", "The ways to reach a target", Printable::kProbes);
  add("header", "The C++ header of the project's heaps", Printable::kHeader);
  add("memory", "The linker's MEMORY command, and the memory of heaps outside of ram",
      Printable::kMemory);
}

}  // namespace

ExitStatus run_command_line(std::span<const char* const> arguments, Environment& environment) {
  CLI::App app{"A heap for microcontroller firmware, and the tools that tune it", "drone"};
  app.set_version_flag("--version", "drone " DRONE_VERSION);
  app.require_subcommand(1);
  app.add_option_function<std::string>(
         "--color",
         [&environment](const std::string& when) {
           environment.color = when == "always"  ? ColorMode::kAlways
                               : when == "never" ? ColorMode::kNever
                                                 : ColorMode::kAuto;
         },
         "When to use colour: auto, always, never")
      ->type_name("WHEN")
      ->check(one_of({"auto", "always", "never"}))
      ->take_last();  // an alias may have one
  app.fallthrough();

  Run run;
  add_new(app, run, environment);
  add_target(app, run, environment);
  add_itm(app, run, environment);
  add_heap(app, run, environment);
  add_print(app, run, environment);

  try {
    const std::vector<const char*> line = without_mark(arguments);
    app.parse(static_cast<int>(line.size()), line.data());
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error, environment.out, environment.err);  // --help, --version
      return ExitStatus::kDone;
    }
    if (const std::optional<Error> unknown = unknown_command(app, arguments)) throw *unknown;
    environment.err << label(environment, "error") << ' ' << describe(error, app) << '\n'
                    << label(environment, "hint") << " see `" << command_name(app) << " --help`\n";
    return ExitStatus::kUsage;
  }
  return run();
}

}  // namespace drone::cli
