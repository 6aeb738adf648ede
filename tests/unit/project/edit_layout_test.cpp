// SPDX-License-Identifier: MIT
#include "project/edit_layout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>
#include <string>

#include "project/manifest.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

using heap::PoolSpec;
using testing::HasSubstr;

constexpr std::string_view kRest =
    "[memory.flash]\norigin = 0x08000000\nsize = \"512K\"\n"
    "[memory.ram]\norigin = 0x20000000\nsize = \"128K\"\n"
    "[itm]\nclock = 84_000_000\n";

std::string edited(std::string_view heap, std::vector<PoolSpec> pools,
                   std::optional<std::uint32_t> size = {}, std::string_view name = {}) {
  const std::string result =
      with_layout(std::string(heap) + std::string(kRest), "Drone.toml", name, pools, size);
  EXPECT_TRUE(result.ends_with(kRest));
  return result.substr(0, result.size() - kRest.size());
}

std::string refusal(std::string_view heap, std::vector<PoolSpec> pools,
                    std::optional<std::uint32_t> size = {}, std::string_view name = {}) {
  try {
    edited(heap, std::move(pools), size, name);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    EXPECT_FALSE(error.hint().empty());
    return error.message();
  }
  return {};
}

TEST(WithLayout, KeepsThePoolsThatStayAndTheirComments) {
  EXPECT_EQ(edited("# first\n"
                   "[heap]  # ours\n"
                   "size = \"1K\"\n"
                   "pools = [  # since spring\n"
                   "  # small ones\n"
                   "  { capacity = 3, block = 0x10 },\t# nodes\n"
                   "  { block = 20, capacity = 0x4 }, # goes\n"
                   "\n"
                   "  # large ones\n"
                   "  { block = 64 , capacity = 5 }  # no comma\n"
                   "  # last\n"
                   "]  # end\n"
                   "checks = \"full\"\n",
                   {{8, 1}, {16, 7}, {64, 5}}),
            "# first\n"
            "[heap]  # ours\n"
            "size = \"1K\"\n"
            "pools = [  # since spring\n"
            "  { block = 8, capacity = 1 },\n"
            "  # small ones\n"
            "  { capacity = 7, block = 0x10 },\t# nodes\n"
            "  # large ones\n"
            "  { block = 64 , capacity = 5 },  # no comma\n"
            "  # last\n"
            "]  # end\n"
            "checks = \"full\"\n");
}

TEST(WithLayout, ReplacesPoolsThatSuitNeitherAlignmentNorSize) {
  EXPECT_EQ(
      edited("[heap]\nsize = 100\nalignment = 8\n"
             "pools = [{ block = \"12\", capacity = 100 }, { block = \"16\", capacity = 3 }]\n",
             {{16, 4}}),
      "[heap]\nsize = 100\nalignment = 8\npools = [{ block = \"16\", capacity = 4 }]\n");
  // Larger than the RAM, with the guard words.
  EXPECT_EQ(edited("[heap]\nsize = \"64K\"\nchecks = \"full\"\n"
                   "pools = [{ block = \"4096\", capacity = 100 }]\n",
                   {{16, 4}}),
            "[heap]\nsize = \"64K\"\nchecks = \"full\"\n"
            "pools = [{ block = \"16\", capacity = 4 }]\n");
  // Those of other heaps stay, and have to.
  EXPECT_THAT(refusal("[heap]\nsize = 100\npools = [{ block = 16, capacity = 3 }]\n"
                      "[heap.dma]\nsize = 100\nport = 30\nalignment = 8\n"
                      "pools = [{ block = 12, capacity = 3 }]\n",
                      {{20, 4}}),
              HasSubstr("block 12 is no multiple of the alignment"));
}

TEST(WithLayout, KeepsOneLineAsLongAsItHasRoom) {
  constexpr std::string_view kHeap =
      "[heap]\nsize = 1000\npools = [{ block = \"16\", capacity = 3 }]\n";
  EXPECT_EQ(edited(kHeap, {{12, 3}, {16, 3}}),
            "[heap]\nsize = 1000\n"
            "pools = [{ block = \"12\", capacity = 3 }, { block = \"16\", capacity = 3 }]\n");
  EXPECT_EQ(edited(kHeap, {{12, 3}, {16, 3}, {20, 3}, {24, 3}}),
            "[heap]\nsize = 1000\n"
            "pools = [\n"
            "    { block = \"12\", capacity = 3 },\n"
            "    { block = \"16\", capacity = 3 },\n"
            "    { block = \"20\", capacity = 3 },\n"
            "    { block = \"24\", capacity = 3 },\n"
            "]\n");
  EXPECT_EQ(edited("[heap]\nsize = 1000\npools = [ { block = 16, capacity = 3 } ]\n", {{16, 4}}),
            "[heap]\nsize = 1000\npools = [ { block = 16, capacity = 4 } ]\n");
}

TEST(WithLayout, WritesTheSizeOnlyWhereItIsAnotherOne) {
  constexpr std::string_view kHeap =
      "[heap]\nsize = 0x400 # RAM\npools = [{ block = 16, capacity = 3 }]\n";
  EXPECT_EQ(edited(kHeap, {{16, 3}}, 1024), kHeap);
  EXPECT_EQ(edited(kHeap, {{16, 3}}, 2048),
            "[heap]\nsize = \"2K\" # RAM\npools = [{ block = 16, capacity = 3 }]\n");
  EXPECT_EQ(edited(kHeap, {{16, 2}}, 32),
            "[heap]\nsize = \"32\" # RAM\npools = [{ block = 16, capacity = 2 }]\n");
}

TEST(WithLayout, EditsDottedKeysAndInlineTables) {
  EXPECT_EQ(edited("heap.size = \"1K\"\nheap.pools = [{ block = 16, capacity = 3 }]\n", {{20, 3}}),
            "heap.size = \"1K\"\nheap.pools = [{ block = 20, capacity = 3 }]\n");
  EXPECT_EQ(
      edited("heap = { pools = [{ block = 16, capacity = 3 }], size = \"1K\" }\n",
             {{20, 3}, {24, 3}, {28, 3}, {32, 3}}, 2048),
      "heap = { pools = [{ block = 20, capacity = 3 }, { block = 24, capacity = 3 }, { block = "
      "28, capacity = 3 }, { block = 32, capacity = 3 }], size = \"2K\" }\n");
}

TEST(WithLayout, EditsTheHeapThatIsNamed) {
  constexpr std::string_view kHeaps =
      "[heap]\nsize = 64\npools = [{ block = 16, capacity = 3 }]\n"
      "[heap.dtcm]\nport = 30\nsize = 64\npools = [{ block = 16, capacity = 3 }]\n";
  EXPECT_EQ(edited(kHeaps, {{32, 2}}, {}, "dtcm"),
            "[heap]\nsize = 64\npools = [{ block = 16, capacity = 3 }]\n"
            "[heap.dtcm]\nport = 30\nsize = 64\npools = [{ block = 32, capacity = 2 }]\n");
  EXPECT_THAT(refusal(kHeaps, {{32, 2}}, {}, "ccm"), HasSubstr("there is no [heap.ccm]"));
}

TEST(WithLayout, CountsColumnsInCharactersAndKnowsByteOrderMarks) {
  EXPECT_EQ(edited("\xEF\xBB\xBFheap = { memory = \"ram\", size = 64, "
                   "pools = [{ block = 16, capacity = 3 }] } # \xC3\xA4\n",
                   {{16, 4}}),
            "\xEF\xBB\xBFheap = { memory = \"ram\", size = 64, "
            "pools = [{ block = 16, capacity = 4 }] } # \xC3\xA4\n");
  EXPECT_EQ(edited("[heap]\nsize = 64\npools = [ # \xE2\x82\xAC\n"
                   "{ block = 16, capacity = 3 }, # \xF0\x9F\x98\x80\n]\n",
                   {{16, 4}}),
            "[heap]\nsize = 64\npools = [ # \xE2\x82\xAC\n"
            "{ block = 16, capacity = 4 }, # \xF0\x9F\x98\x80\n]\n");
}

TEST(WithLayout, RefusesPoolsThatAreTablesOfTheirOwn) {
  EXPECT_THAT(refusal("[heap]\nsize = 64\n[[heap.pools]]\nblock = 16\ncapacity = 3\n", {{16, 4}}),
              HasSubstr("[[heap.pools]]"));
}

TEST(WithLayout, RefusesAFileWithoutTheHeapAndALayoutThatDoesNotFitIt) {
  EXPECT_THAT(refusal("", {{16, 4}}), HasSubstr("there is no [heap]"));
  EXPECT_THAT(refusal("[heap]\nsize = 64\npools = [{ block = 16, capacity = 3 }]\n", {{16, 5}}),
              HasSubstr("16 more than the heap's 64"));
}

/// A pool, an array, a file as somebody may have written them.
std::string written(const std::vector<PoolSpec>& pools, const std::string& newline) {
  const auto pick = [](std::initializer_list<const char*> words) {
    return std::string(*rc::gen::elementOf(std::vector<std::string>(words.begin(), words.end())));
  };
  const bool lines = *rc::gen::arbitrary<bool>();
  const std::string comment =
      lines ? pick({"", " # one, [two] {three}", "# \xC3\xA4 \"", "\t#"}) : "";
  std::string text = pick({"pools = [", "pools=[", "'pools' = [ "});
  if (lines) text += comment + newline;
  for (const PoolSpec& pool : pools) {
    if (lines) text += pick({"", "  # own line\n", "\n"});
    const std::string block = "block = " + pick({"", "+"}) + std::to_string(pool.block_size);
    const std::string capacity = "capacity=" + std::to_string(pool.capacity);
    text += *rc::gen::arbitrary<bool>() ? "{ " + block + ", " + capacity + " }"
                                        : "{" + capacity + "," + block + "}";
    if (&pool != &pools.back() || *rc::gen::arbitrary<bool>()) text += pick({",", " , "});
    if (lines) text += pick({"", "  # behind"}) + newline;
  }
  if (lines) text += pick({"", "# last\n", "    "});
  return text + "]";
}

std::vector<PoolSpec> any_pools() {
  const auto sizes = *rc::gen::nonEmpty(
      rc::gen::container<std::set<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(1, 40)));
  std::vector<PoolSpec> pools;
  for (const std::uint32_t size : sizes) {
    pools.push_back({4 * size, *rc::gen::inRange<std::uint32_t>(1, 30)});
  }
  return pools;
}

TEST(WithLayout, LeavesEverythingElseByteForByte) {
  EXPECT_TRUE(rc::check("all else stays", [] {
    const std::string newline = *rc::gen::element<std::string>("\n", "\r\n");
    const std::string head = *rc::gen::element<std::string>(
        "[heap]\nsize = \"64K\"\n", "# \xE2\x82\xAC\r\n[heap] # pools = [\nsize=65536\n",
        "\xEF\xBB\xBF[ heap ]\nsize = '64K'\n");
    const std::string tail = *rc::gen::element<std::string>(
        "\n", "  # pools = []\nchecks = \"off\"\n", "\r\nalignment = 4\r\n\r\n");
    const std::string old = head + written(any_pools(), newline) + tail + std::string(kRest);
    const std::vector<PoolSpec> pools = any_pools();
    const std::string text = with_layout(old, "Drone.toml", {}, pools, {});
    RC_ASSERT(text.starts_with(head));
    RC_ASSERT(text.ends_with(tail + std::string(kRest)));
    Manifest wanted = parse_manifest(old, "Drone.toml");
    wanted.heap.pools = pools;
    RC_ASSERT(parse_manifest(text, "Drone.toml") == wanted);
    // What says so already is not touched.
    RC_ASSERT(with_layout(text, "Drone.toml", {}, pools, 65536) == text);
  }));
}

}  // namespace
}  // namespace drone::project
