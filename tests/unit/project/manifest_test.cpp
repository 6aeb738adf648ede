// SPDX-License-Identifier: MIT
#include "project/manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "support/error.hpp"

namespace drone::project {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A valid file; line numbers below count in it.
constexpr std::string_view kValid =
    R"(device = "stm32f407vg"

[heap]
size = "10K"
pools = [
    { block = "4", capacity = 201 },
    { block = "12", capacity = 222 },
    { block = "28", capacity = 115 },
    { block = "32", capacity = 83 },
    { block = "128", capacity = 7 },
]

[memory.flash]
origin = 0x08000000
size = "512K"

[memory.ram]
origin = 0x20000000
size = "128K"

[probe]
interface = "emulator"

[itm]
baud = 2_000_000
clock = 84_000_000
timestamps = true
)";

Manifest parse(std::string_view text) { return parse_manifest(text, "Drone.toml"); }

/// The valid file with the first `from` replaced.
std::string with(std::string_view from, std::string_view to) {
  std::string text(kValid);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

Error error_of(std::string_view text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    return error;
  }
  ADD_FAILURE() << "accepted:\n" << text;
  return Error(ExitStatus::kDone, "");
}

/// Expects that a changed file is refused with that message and a hint that contains `hint`.
void expect_error(std::string_view from, std::string_view to, std::string_view message,
                  std::string_view hint) {
  SCOPED_TRACE(std::string(from) + " -> " + std::string(to));
  const Error error = error_of(with(from, to));
  EXPECT_EQ(error.message(), message);
  EXPECT_THAT(error.hint(), HasSubstr(hint));
}

TEST(Manifest, HoldsWhatTheFileSays) {
  const Manifest manifest = parse(kValid);
  EXPECT_EQ(manifest.device, "stm32f407vg");
  EXPECT_EQ(manifest.core, "cortex-m4");
  EXPECT_EQ(manifest.heap.size, 10240U);
  EXPECT_EQ(manifest.heap.alignment, 4U);
  const std::vector<heap::PoolSpec> pools{{4, 201}, {12, 222}, {28, 115}, {32, 83}, {128, 7}};
  EXPECT_EQ(manifest.heap.pools, pools);
  ASSERT_EQ(manifest.memory.size(), 2U);
  EXPECT_EQ(manifest.memory.at("flash").origin, 0x08000000U);
  EXPECT_EQ(manifest.memory.at("flash").size, 512U * 1024);
  EXPECT_EQ(manifest.memory.at("ram").origin, 0x20000000U);
  EXPECT_EQ(manifest.probe.interface, ProbeInterface::kEmulator);
  EXPECT_EQ(manifest.itm.baud, 2'000'000U);
  EXPECT_EQ(manifest.itm.clock, 84'000'000U);
  EXPECT_TRUE(manifest.itm.timestamps);
}

TEST(Manifest, LeavesOutWhatHasADefault) {
  std::string text = with("device = \"stm32f407vg\"", "");
  for (const std::string_view line :
       {"[probe]\ninterface = \"emulator\"\n", "baud = 2_000_000\n", "timestamps = true\n"}) {
    text.replace(text.find(line), line.size(), "");
  }
  const Manifest manifest = parse(text);
  EXPECT_EQ(manifest.device, "");
  EXPECT_EQ(manifest.core, "cortex-m4");
  EXPECT_EQ(manifest.probe.interface, ProbeInterface::kEmulator);
  EXPECT_EQ(manifest.itm.baud, 2'000'000U);
  EXPECT_TRUE(manifest.itm.timestamps);
}

TEST(Manifest, TakesSizesAsTextOrNumber) {
  EXPECT_EQ(parse(with("size = \"10K\"", "size = 10240")).heap.size, 10240U);
  EXPECT_EQ(parse(with("size = \"10K\"", "size = \"0x2800\"")).heap.size, 10240U);
  EXPECT_EQ(parse(with("block = \"4\"", "block = 4")).heap.pools[0].block_size, 4U);
}

TEST(Manifest, KnowsTheCoreOfADevice) {
  EXPECT_EQ(parse(with("stm32f407vg", "STM32F103RB")).core, "cortex-m3");
}

TEST(Manifest, TakesMoreMemoryRegions) {
  const Manifest manifest =
      parse(std::string(kValid) + "[memory.ccm]\norigin = 0x10000000\nsize = \"64K\"\n");
  EXPECT_EQ(manifest.memory.at("ccm").size, 64U * 1024);
}

TEST(Manifest, KnowsEveryProbeInterface) {
  for (const ProbeInterfaceInfo& info : probe_interfaces()) {
    const std::string text = with("\"emulator\"", '"' + std::string(info.name) + '"');
    EXPECT_EQ(parse(text).probe.interface, info.interface);
  }
}

TEST(Manifest, RefusesWrongSyntaxWithItsPlace) {
  EXPECT_THAT(error_of(with("size = \"10K\"", "size = ")).message(),
              StartsWith("Drone.toml:4:8: "));
  EXPECT_THAT(error_of("[heap\n").message(), StartsWith("Drone.toml:1:6: "));
  EXPECT_THAT(error_of(with("size = \"10K\"", "size = \"10K\"\nsize = 5")).message(),
              StartsWith("Drone.toml:5:"));
  EXPECT_THAT(error_of("a = \"\xff\xfe\"").message(), StartsWith("Drone.toml:1:"));
  EXPECT_FALSE(error_of("[heap\n").hint().empty());
}

TEST(Manifest, SaysWhatToDoAboutWrongSyntax) {
  EXPECT_THAT(error_of(with("size = \"10K\"", "size = \"10K\"\nsize = 5")).hint(),
              HasSubstr("once only"));
  EXPECT_THAT(error_of(with("[probe]", "[heap]\n[probe]")).hint(), HasSubstr("once only"));
  EXPECT_THAT(error_of(with("201", "99999999999999999999")).hint(),
              HasSubstr("largest number is 4294967295"));
  EXPECT_THAT(error_of(with("stm32f407vg", "\xff")).hint(), HasSubstr("as UTF-8"));
  std::string wide;
  for (const char c : kValid) wide += {c, '\0'};
  for (const std::string& text :
       {wide, "\xff\xfe" + wide, "\xfe\xff" + std::string(1, '\0') + wide}) {
    EXPECT_EQ(error_of(text).message(), "Drone.toml:1:1: this is UTF-16");
    EXPECT_THAT(error_of(text).hint(), HasSubstr("as UTF-8"));
  }
}

TEST(Manifest, RefusesLinesThatTheTomlLibraryAssertsNotToBe) {
  for (const char* line : {"[.heap]\n", "[.", "[=]", "[[.]]", "[,\n"}) {
    EXPECT_THAT(error_of(line).message(), StartsWith("Drone.toml:1:")) << line;
  }
  EXPECT_EQ(error_of(with("[memory.ram]", "[.ram]")).message(), "Drone.toml:17:1: malformed line");
}

TEST(Manifest, LettersBeyondAsciiAreNoWhiteSpace) {
  EXPECT_THAT(error_of("[mem\u00E4ory]\n").message(), StartsWith("Drone.toml:1:5: "));
  EXPECT_THAT(error_of("[heap]\n\uFE80 = 1\n").message(), StartsWith("Drone.toml:2:1: "));
  EXPECT_THAT(error_of("device =\u2E80\n").message(), StartsWith("Drone.toml:1:9: "));
}

TEST(Manifest, MistakeAtTheEndOfTheFileIsInItsLastLine) {
  EXPECT_THAT(error_of("[heap]\npools = [ # \u00E4\n").message(), StartsWith("Drone.toml:2:14: "));
  EXPECT_THAT(error_of("[heap]\npools = [").message(), StartsWith("Drone.toml:2:10: "));
}

TEST(Manifest, RefusesMissingKeys) {
  expect_error("size = \"10K\"\n", "", "Drone.toml:3:1: \"size\" is missing in [heap]",
               "size = \"10K\"");
  expect_error("block = \"4\", ", "", "Drone.toml:6:5: \"block\" is missing in [heap.pools]",
               "{ block = ");
  expect_error(", capacity = 201", "", "Drone.toml:6:5: \"capacity\" is missing in [heap.pools]",
               "{ block = ");
  expect_error("origin = 0x08000000\n", "",
               "Drone.toml:13:1: \"origin\" is missing in [memory.flash]", "origin = 0x");
  expect_error("size = \"512K\"\n", "", "Drone.toml:13:1: \"size\" is missing in [memory.flash]",
               "size = ");
  expect_error("clock = 84_000_000\n", "", "Drone.toml:24:1: \"clock\" is missing in [itm]",
               "clock = 16_000_000");
}

TEST(Manifest, RefusesMissingSections) {
  EXPECT_EQ(error_of("").message(), "Drone.toml:1:1: \"memory\" is missing");
  EXPECT_THAT(error_of("").hint(), HasSubstr("[memory.flash]"));
  expect_error("[memory.ram]", "[memory.ran]", "Drone.toml:13:1: \"ram\" is missing in [memory]",
               "[memory.ram]");
  constexpr std::string_view kMemory =
      "[memory]\nflash = { origin = 0, size = 4 }\nram = { origin = 8, size = 4 }\n";
  EXPECT_EQ(
      error_of(std::string(kMemory) + "[heap]\nsize = 4\npools = [{ block = 4, capacity = 1 }]\n")
          .message(),
      "Drone.toml:1:1: \"itm\" is missing");
}

TEST(Manifest, HasNoPoolsWhereItHasNoHeap) {
  const Manifest manifest = parse(
      "[memory]\nflash = { origin = 0, size = 4 }\nram = { origin = 8, size = 4 }\n"
      "[itm]\nclock = 16000000\n");
  EXPECT_EQ(manifest.heap.size, 0U);
  EXPECT_TRUE(manifest.heap.pools.empty());
}

TEST(Manifest, RefusesUnknownKeysAndNamesTheNearest) {
  expect_error("[heap]\n", "[hepa]\n", "Drone.toml:3:2: unknown key \"hepa\"", "\"heap\"?");
  expect_error("capacity = 201", "capasity = 201",
               "Drone.toml:6:20: unknown key \"capasity\" in [heap.pools]", "\"capacity\"?");
  expect_error("capacity = 201", "colour = 1",
               "Drone.toml:6:20: unknown key \"colour\" in [heap.pools]", "block, capacity");
  expect_error("size = \"128K\"", "sizee = 5",
               "Drone.toml:19:1: unknown key \"sizee\" in [memory.ram]", "\"size\"?");
  expect_error("interface", "Interfaces", "Drone.toml:22:1: unknown key \"Interfaces\" in [probe]",
               "\"interface\"?");
  expect_error("baud", "rate", "Drone.toml:25:1: unknown key \"rate\" in [itm]",
               "known here: baud, clock, timestamps");
}

TEST(Manifest, RefusesWrongTypes) {
  expect_error("\"stm32f407vg\"", "7",
               "Drone.toml:1:10: \"device\" must be text in double quotes, not a whole number",
               "stm32");
  expect_error("size = \"10K\"", "size = 1.5",
               "Drone.toml:4:8: \"size\" in [heap] must be a size, not a number with a fraction",
               "\"10K\"");
  expect_error("capacity = 201", "capacity = \"201\"",
               "Drone.toml:6:31: \"capacity\" in [heap.pools] must be a whole number, not text",
               "without quotes");
  expect_error("{ block = \"4\", capacity = 201 }", "5",
               "Drone.toml:6:5: \"pools\" in [heap] must be a list of pools, not a whole number",
               "{ block = ");
  expect_error("timestamps = true", "timestamps = \"yes\"",
               "Drone.toml:27:14: \"timestamps\" in [itm] must be true or false, not text",
               "without quotes");
  expect_error("origin = 0x20000000", "origin = 2020-01-01",
               "Drone.toml:18:10: \"origin\" in [memory.ram] must be a size, not a date or time",
               "10240");
  EXPECT_EQ(error_of("heap = 3\n[memory]\nflash = 1").message(),
            "Drone.toml:3:9: \"flash\" in [memory] must be a table, not a whole number");
}

TEST(Manifest, RefusesSizesThatAreNone) {
  expect_error("size = \"10K\"", "size = \"10X\"", "Drone.toml:4:8: \"size\": '10X' is not a size",
               "10K");
  expect_error("size = \"10K\"", "size = \"4096M\"",
               "Drone.toml:4:8: \"size\": '4096M' is more than a 32-bit address space holds",
               "4294967295");
  expect_error("size = \"10K\"", "size = -1", "Drone.toml:4:8: \"size\" is out of range: -1",
               "from 1");
  expect_error("201", "-3", "Drone.toml:6:31: \"capacity\" is out of range: -3", "at least 1");
  expect_error("\"4\"", "-4", "Drone.toml:6:15: \"block\" is out of range: -4",
               "a multiple of the alignment");
  expect_error("pools = [", "alignment = -4\npools = [",
               "Drone.toml:5:13: \"alignment\" is out of range: -4", "4 (the default) or 8");
  expect_error("size = \"10K\"", "size = 4294967296",
               "Drone.toml:4:8: \"size\" is out of range: 4294967296", "to 4294967295");
  expect_error("size = \"10K\"", "size = 0", "Drone.toml:4:8: a heap of 0 bytes holds nothing",
               "10K");
}

TEST(Manifest, RefusesBlocksThatAreNoMultipleOfTheAlignment) {
  expect_error("\"12\"", "\"10\"", "Drone.toml:7:15: block 10 is no multiple of the alignment, 4",
               "8 and 12");
  expect_error("\"4\"", "2", "Drone.toml:6:15: block 2 is no multiple of the alignment, 4",
               "the nearest is 4");
  expect_error("pools = [", "alignment = 8\npools = [",
               "Drone.toml:7:15: block 4 is no multiple of the alignment, 8", "nearest is 8");
  expect_error("\"128\"", "4294967295",
               "Drone.toml:10:15: block 4294967295 is no multiple of the alignment, 4",
               "4294967292 and 4294967296");
}

TEST(Manifest, RefusesAlignmentsOtherThan4And8) {
  for (const char* value : {"0", "2", "16", "\"64\""}) {
    const Error error =
        error_of(with("pools = [", std::string("alignment = ") + value + "\npools = ["));
    EXPECT_THAT(error.message(), StartsWith("Drone.toml:5:13: alignment "));
    EXPECT_THAT(error.hint(), HasSubstr("4 (the default) or 8"));
  }
}

TEST(Manifest, RefusesUnsortedAndRepeatedBlocks) {
  expect_error("\"12\"", "\"4\"", "Drone.toml:7:15: block 4 stands twice", "one pool");
  expect_error("\"28\"", "\"8\"", "Drone.toml:8:15: block 8 stands after block 12",
               "smallest first");
}

TEST(Manifest, RefusesPoolsOfNothing) {
  expect_error("\"4\"", "0", "Drone.toml:6:15: a block of 0 bytes holds nothing", "4");
  expect_error("201", "0", "Drone.toml:6:31: a pool of 0 blocks serves nothing", "at least 1");
  const std::string text(kValid);
  const std::size_t begin = text.find("pools = [");
  const std::size_t end = text.find("]\n\n", begin);
  EXPECT_EQ(error_of(text.substr(0, begin) + "pools = [" + text.substr(end)).message(),
            "Drone.toml:5:9: a heap needs at least one pool");
}

TEST(Manifest, SaysByHowManyBytesPoolsAreTooLarge) {
  expect_error("\"10K\"", "10236",
               "Drone.toml:5:9: the pools take 10240 bytes, 4 more than the heap's 10236", "10240");
  expect_error("201", "4294967295",
               "Drone.toml:5:9: the pools take 17179878616 bytes, 17179868376 more than the heap's "
               "10240",
               "17179878616");
}

TEST(Manifest, RefusesMorePoolsAndBlocksThanAHeapCanHave) {
  std::string pools;
  for (std::uint32_t i = 1; i <= 255; ++i) {
    pools += "{ block = " + std::to_string(4 * i) + ", capacity = 1 },";
  }
  expect_error("{ block = \"4\"", pools + "{ block = 2000",
               "Drone.toml:5:9: a heap has at most 255 pools", "260");
  std::string text = with("201", "16777215");
  text.replace(text.find("\"10K\""), 5, "\"1024M\"");
  EXPECT_EQ(error_of(text).message(),
            "Drone.toml:5:9: the pools have 16777642 blocks, and a trace can number 16777214");
}

TEST(Manifest, AddsUpPoolsBeyond64Bits) {
  std::string pools;
  for (std::uint32_t i = 0; i < 8; ++i) {
    pools += "{ block = " + std::to_string(4294967260 + 4 * i) + ", capacity = 4294967295 },";
  }
  std::string text(kValid);
  const std::size_t begin = text.find("    { block");
  text.replace(begin, text.find("]\n\n") - begin, pools);
  EXPECT_THAT(error_of(text).message(), StartsWith("Drone.toml:5:9: the pools "));
}

TEST(Manifest, RefusesAHeapLargerThanTheRam) {
  expect_error("\"10K\"", "\"200K\"",
               "Drone.toml:4:8: the heap's 204800 bytes are 73728 more than [memory.ram] has",
               "stack");
}

/// More heaps, and a region for them, as text to append; its first table is in line 29 of the
/// whole.
constexpr std::string_view kMoreHeaps = R"(
[heap.dtcm]
size = "32K"
memory = "dtcm"
port = 30
checks = "full"
statistics = true
pools = [{ block = "16", capacity = 64 }]

[heap.a_buffer]
size = "1K"
port = 5
pools = [{ block = "512", capacity = 2 }]

[memory.dtcm]
origin = 0x10000000
size = "64K"
)";

/// The valid file with more heaps, the first `from` in these replaced.
std::string with_heaps(std::string_view from = {}, std::string_view to = {}) {
  std::string more(kMoreHeaps);
  const std::size_t at = more.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return std::string(kValid) + more.replace(at, from.size(), to);
}

void expect_heap_error(std::string_view from, std::string_view to, std::string_view message,
                       std::string_view hint) {
  SCOPED_TRACE(std::string(from) + " -> " + std::string(to));
  const Error error = error_of(with_heaps(from, to));
  EXPECT_EQ(error.message(), message);
  EXPECT_THAT(error.hint(), HasSubstr(hint));
}

TEST(Manifest, HoldsSeveralHeapsInTheOrderOfTheFile) {
  const Manifest manifest = parse(with_heaps());
  ASSERT_EQ(manifest.named_heaps.size(), 2U);
  const HeapSection& dtcm = manifest.named_heaps[0];
  EXPECT_EQ(dtcm.name, "dtcm");
  EXPECT_EQ(dtcm.size, 32U * 1024);
  EXPECT_EQ(dtcm.pools, (std::vector<heap::PoolSpec>{{16, 64}}));
  EXPECT_EQ(dtcm.memory, "dtcm");
  EXPECT_EQ(dtcm.port, 30U);
  EXPECT_EQ(dtcm.options.checks, heap::Checks::kFull);
  EXPECT_TRUE(dtcm.options.statistics);
  const HeapSection& buffer = manifest.named_heaps[1];
  EXPECT_EQ(buffer.name, "a_buffer");
  EXPECT_EQ(buffer.memory, "ram");
  EXPECT_EQ(buffer.port, 5U);
  for (const HeapSection* heap : {&manifest.heap, &buffer}) {
    EXPECT_EQ(heap->options.checks, heap::Checks::kPointers);
    EXPECT_FALSE(heap->options.statistics);
  }
  EXPECT_EQ(manifest.heap.port, 31U);
  EXPECT_EQ(manifest.heap.memory, "ram");
  EXPECT_THAT(all_heaps(manifest), testing::ElementsAre(&manifest.heap, &dtcm, &buffer));
  EXPECT_EQ(section_name(manifest.heap), "heap");
  EXPECT_EQ(section_name(dtcm), "heap.dtcm");
  EXPECT_EQ(trace_file_name(manifest.heap), "heaptrace");
  EXPECT_EQ(trace_file_name(dtcm), "dtcm.heaptrace");
}

TEST(Manifest, TakesPlaceAndPortOfTheFirstHeapToo) {
  std::string text = with_heaps("port = 30", "port = 31");
  text.replace(text.find("size = \"10K\""), 12, "size = \"10K\"\nmemory = \"dtcm\"\nport = 7");
  const Manifest manifest = parse(text);
  EXPECT_EQ(manifest.heap.memory, "dtcm");
  EXPECT_EQ(manifest.heap.port, 7U);
}

TEST(Manifest, RefusesHeapsWithoutTheFirst) {
  std::string text = with_heaps();
  text.replace(text.find("[heap]"), 6, "[heap.main]\nport = 31");
  EXPECT_EQ(error_of(text).message(),
            "Drone.toml:3:7: [heap] is missing: [heap.main] is a heap beside it");
}

TEST(Manifest, RefusesNamesThatNoHeapCanHave) {
  expect_heap_error("[heap.dtcm]", "[heap.Dtcm]", "Drone.toml:29:7: \"Dtcm\" cannot name a heap",
                    "a to z, digits and _");
  expect_heap_error("[heap.dtcm]", "[heap.\"\"]", "Drone.toml:29:7: \"\" cannot name a heap",
                    "[heap.dtcm]");
  for (const char* name : {"_a", "2nd", "a-b", "\"a b\"", "\"\u00e4\""}) {
    EXPECT_THAT(error_of(with_heaps("[heap.dtcm]", "[heap." + std::string(name) + "]")).message(),
                HasSubstr("cannot name a heap"));
  }
  expect_heap_error("[heap.dtcm]", "[heap.memory]",
                    "Drone.toml:29:7: \"memory\" cannot name a heap: it is a key of [heap]",
                    "[heap.memory_heap]");
  expect_heap_error("[heap.dtcm]",
                    "[heap.abuffer]\nsize = 4\nport = 1\npools = [{ block = 4, "
                    "capacity = 1 }]\n[heap.a__buffer]",
                    "Drone.toml:41:7: [heap.a__buffer] and [heap.a_buffer] would both be "
                    "kABufferHeapLayout in the program",
                    "otherwise");
}

TEST(Manifest, RefusesUnknownKeysOfHeaps) {
  expect_error("size = \"10K\"", "size = \"10K\"\nprot = 3",
               "Drone.toml:5:1: unknown key \"prot\" in [heap]", "\"port\"?");
  expect_heap_error("statistics", "statistic",
                    "Drone.toml:34:1: unknown key \"statistic\" in [heap.dtcm]", "\"statistics\"?");
  expect_heap_error("statistics = true", "more = { size = 4 }",
                    "Drone.toml:34:1: unknown key \"more\" in [heap.dtcm]", "known here: size");
  expect_heap_error("capacity = 64", "capasity = 64",
                    "Drone.toml:35:26: unknown key \"capasity\" in [heap.dtcm.pools]", "capacity");
  EXPECT_THAT(error_of(with_heaps("[heap.dtcm]", "[[heap.dtcm]]")).message(),
              HasSubstr("unknown key \"dtcm\" in [heap]"));
}

TEST(Manifest, RefusesHeapsWithoutPortsOfTheirOwn) {
  expect_heap_error("port = 30\n", "", "Drone.toml:29:1: \"port\" is missing in [heap.dtcm]",
                    "port = 30");
  expect_heap_error("port = 30", "port = 31", "Drone.toml:32:8: port 31 is that of [heap]",
                    "port = 30");
  expect_heap_error("port = 5", "port = 30", "Drone.toml:39:8: port 30 is that of [heap.dtcm]",
                    "port = 29");
  expect_heap_error("port = 30", "port = 32", "Drone.toml:32:8: there is no ITM port 32",
                    "from 0 to 31");
  expect_heap_error("port = 30", "port = -1", "Drone.toml:32:8: \"port\" is out of range: -1",
                    "from 0 to 31");
  expect_heap_error("port = 30", "port = \"30\"",
                    "Drone.toml:32:8: \"port\" in [heap.dtcm] must be a whole number, not text",
                    "port = 31");
}

TEST(Manifest, RefusesMemoryThatHoldsNoHeap) {
  expect_heap_error("memory = \"dtcm\"", "memory = \"dtmc\"",
                    "Drone.toml:31:10: there is no [memory.dtmc]", "\"dtcm\"?");
  expect_heap_error("memory = \"dtcm\"", "memory = \"x\"",
                    "Drone.toml:31:10: there is no [memory.x]",
                    "there are: dtcm, ram; another one is a table [memory.NAME]");
  expect_heap_error("memory = \"dtcm\"", "memory = \"flash\"",
                    "Drone.toml:31:10: [memory.flash] cannot hold a heap: a program does not write "
                    "there",
                    "dtcm, ram");
  expect_heap_error(
      "memory = \"dtcm\"", "memory = 1",
      "Drone.toml:31:10: \"memory\" in [heap.dtcm] must be text in double quotes, not "
      "a whole number",
      "memory = \"ram\"");
}

TEST(Manifest, RefusesHeapsThatDoNotFitTheirMemory) {
  expect_heap_error("\"32K\"", "\"65K\"",
                    "Drone.toml:30:8: the heap's 66560 bytes are 1024 more than [memory.dtcm] has",
                    "[memory.dtcm] has 65536 bytes");
  // Guard words double blocks of 16 bytes.
  std::string guarded = with_heaps("capacity = 64", "capacity = 2048");
  EXPECT_EQ(memory_bytes(parse(guarded).named_heaps[0]), 64U * 1024);
  guarded.replace(guarded.find("\"64K\""), 5, "\"63K\"");
  EXPECT_EQ(
      error_of(guarded).message(),
      "Drone.toml:30:8: the heap's 65536 bytes (checks = \"full\" adds to them) are 1024 more "
      "than [memory.dtcm] has");
  expect_heap_error("port = 5\n", "port = 5\nmemory = \"dtcm\"\n#",
                    "Drone.toml:37:1: \"pools\" is missing in [heap.a_buffer]", "pools = [");
  expect_heap_error("size = \"1K\"", "size = \"33K\"\nmemory = \"dtcm\"",
                    "Drone.toml:38:8: the heaps in [memory.dtcm] take 66560 bytes together, 1024 "
                    "more than it has",
                    "[memory.dtcm] has 65536 bytes");
  expect_heap_error("size = \"1K\"", "size = \"119K\"",
                    "Drone.toml:38:8: the heaps in [memory.ram] take 132096 bytes together, 1024 "
                    "more than it has",
                    "stack");
  EXPECT_EQ(parse(with_heaps("size = \"1K\"", "size = \"118K\"")).named_heaps[1].size, 118U * 1024);
}

TEST(Manifest, RefusesOptionsThatThereAreNot) {
  expect_heap_error("\"full\"", "\"all\"", "Drone.toml:33:10: unknown checks \"all\"",
                    "off, pointers, full");
  expect_heap_error(
      "\"full\"", "true",
      "Drone.toml:33:10: \"checks\" in [heap.dtcm] must be text in double quotes, not "
      "true or false",
      "checks = \"pointers\"");
  expect_heap_error("statistics = true", "statistics = 1",
                    "Drone.toml:34:14: \"statistics\" in [heap.dtcm] must be true or false, not a "
                    "whole number",
                    "without quotes");
}

TEST(Manifest, WritesSettingsThatReadBackTheSame) {
  const Manifest manifest = parse(with_heaps());
  EXPECT_EQ(heap_settings(manifest.heap), "");
  EXPECT_EQ(heap_settings(manifest.named_heaps[0]),
            "memory = \"dtcm\"\nport = 30\nchecks = \"full\"\nstatistics = true\n");
  EXPECT_EQ(heap_settings(manifest.named_heaps[1]), "port = 5\n");
  HeapSection named;
  named.name = "b";
  EXPECT_EQ(heap_settings(named), "port = 31\n") << "a named heap has to say it";
  for (const heap::Checks checks :
       {heap::Checks::kOff, heap::Checks::kPointers, heap::Checks::kFull}) {
    HeapSection heap = manifest.named_heaps[0];
    heap.options = {checks, checks == heap::Checks::kOff};
    const HeapSection again =
        parse(with_heaps("memory = \"dtcm\"\nport = 30\nchecks = \"full\"\nstatistics = true\n",
                         heap_settings(heap)))
            .named_heaps[0];
    EXPECT_EQ(again.memory, heap.memory);
    EXPECT_EQ(again.port, heap.port);
    EXPECT_EQ(again.options.checks, heap.options.checks);
    EXPECT_EQ(again.options.statistics, heap.options.statistics);
  }
}

TEST(Manifest, RefusesImpossibleMemory) {
  expect_error("0x08000000", "2", "Drone.toml:14:10: \"origin\" is no multiple of 4", "word");
  expect_error("0x08000000", "0x1FFFF000", "Drone.toml:17:1: [memory.ram] overlaps [memory.flash]",
               "origin and size");
  expect_error("0x20000000", "0xFFFFF000",
               "Drone.toml:19:8: [memory.ram] ends beyond the 32-bit address space", "4096");
  expect_error("\"128K\"", "0", "Drone.toml:19:8: a memory of 0 bytes", "128K");
  expect_error("[memory.ram]", "[memory.\"a b\"]",
               "Drone.toml:17:9: \"a b\" cannot name a memory region", "letters");
}

TEST(Manifest, RefusesAnUnknownProbe) {
  expect_error("\"emulator\"", "\"stlink\"", "Drone.toml:22:13: unknown probe interface \"stlink\"",
               "emulator, openocd, bmp, jlink");
}

TEST(Manifest, RefusesAnUnknownDevice) {
  expect_error("stm32f407vg", "stm32f407vq", "Drone.toml:1:10: unknown device \"stm32f407vq\"",
               "\"stm32f407vg\"");
}

TEST(Manifest, RefusesRatesThatTheClockCannotMake) {
  expect_error("2_000_000", "33_000_000",
               "Drone.toml:25:8: a trace clock of 84000000 Hz does not divide to 33000000 baud "
               "within 3 %",
               "42000000 and 28000000");
  expect_error("2_000_000", "100",
               "Drone.toml:25:8: a trace clock of 84000000 Hz cannot be divided to 100 baud",
               "at least 9956");
  EXPECT_TRUE(makes_baud(84'000'000, 9956));
  EXPECT_FALSE(makes_baud(84'000'000, 9955));
  expect_error("2_000_000", "\"2M\"",
               "Drone.toml:25:8: \"baud\" in [itm] must be a whole number, not text",
               "baud = 2_000_000");
  expect_error("84_000_000", "\"84M\"",
               "Drone.toml:26:9: \"clock\" in [itm] must be a whole number, not text",
               "clock = 16_000_000");
  expect_error("2_000_000", "0",
               "Drone.toml:25:8: a trace clock of 84000000 Hz cannot be divided to 0 baud",
               "at least 9956");
  expect_error("baud = 2_000_000\nclock = 84_000_000", "clock = 1_500_000",
               "Drone.toml:25:9: a trace clock of 1500000 Hz is too slow for 2000000 baud, the "
               "default",
               "at most 1500000");
  expect_error("84_000_000", "1",
               "Drone.toml:25:8: a trace clock of 1 Hz is too slow for 2000000 baud",
               "at least 2000000");
  expect_error("84_000_000", "0", "Drone.toml:26:9: a clock of 0 Hz stands still", "16_000_000");
}

TEST(BaudRate, IsMadeWithinThreePercent) {
  EXPECT_TRUE(makes_baud(84'000'000, 2'000'000));
  EXPECT_TRUE(makes_baud(103, 100));
  EXPECT_FALSE(makes_baud(104, 100));
  EXPECT_TRUE(makes_baud(97, 100));
  EXPECT_FALSE(makes_baud(96, 100));
  EXPECT_TRUE(makes_baud(8192, 1));
  EXPECT_FALSE(makes_baud(70000, 1));
  EXPECT_FALSE(makes_baud(70000, 0));
  EXPECT_TRUE(makes_baud(4294967295, 4294967295));
}

/// A valid file to which one to five things happened.
std::string mutated() {
  std::string text = with_heaps();
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i != count; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    const auto length = *rc::gen::inRange<std::size_t>(0, 20);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        text[at] = *rc::gen::arbitrary<char>();
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(*rc::gen::inRange<std::size_t>(0, text.size()), length));
        break;
      default:
        text.insert(at, *rc::gen::element<std::string>("{", "[", "]", "\"", "\n", "=", "0x", "-1",
                                                       "'''", ".", "4294967295", "1e9", "nan",
                                                       "[[heap]]\n", "\xff"));
        break;
    }
    if (text.empty()) text = "x";
  }
  return text;
}

TEST(Manifest, IsReadOrRefusedWithAPlaceWhateverTheFileHolds) {
  EXPECT_TRUE(rc::check("mutations of a valid file", [] {
    const std::string text = mutated();
    try {
      const Manifest manifest = parse(text);
      RC_ASSERT(manifest.memory.count("ram") == 1U);
      RC_ASSERT(!manifest.heap.pools.empty());
    } catch (const Error& error) {
      RC_ASSERT(error.status() == ExitStatus::kInput);
      RC_ASSERT(error.message().rfind("Drone.toml:", 0) == 0U);
    }
  }));
}

class ManifestFile : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "src/deep");
    std::ofstream(folder_ / "Drone.toml") << kValid;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("manifest." + std::to_string(::getpid()));
};

TEST_F(ManifestFile, IsFoundFromAFolderBelow) {
  EXPECT_EQ(find_manifest(folder_ / "src/deep"), folder_ / "Drone.toml");
  EXPECT_EQ(find_manifest(folder_ / "src/.."), folder_ / "Drone.toml");
  EXPECT_EQ(find_manifest("/proc"), std::nullopt);
}

TEST_F(ManifestFile, IsLoadedWithItsPath) {
  EXPECT_EQ(load_manifest(folder_ / "Drone.toml").path, folder_ / "Drone.toml");
}

TEST_F(ManifestFile, IsNamedInMessages) {
  std::ofstream(folder_ / "Drone.toml") << "[heap]\n";
  try {
    load_manifest(folder_ / "Drone.toml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("Drone.toml:1:1: "));
  }
  EXPECT_THROW(load_manifest(folder_ / "none.toml"), Error);
  EXPECT_THROW(load_manifest(folder_), Error);
}

}  // namespace
}  // namespace drone::project
