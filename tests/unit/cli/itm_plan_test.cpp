// SPDX-License-Identifier: MIT
#include "cli/itm_plan.hpp"

#include <gmock/gmock.h>

#include "support/byte_stream.hpp"
#include "support/error.hpp"
#include "support/test_folder.hpp"

namespace drone::cli {
namespace {

using test::TestFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ItmPlan plan(std::vector<std::string> ports, std::vector<std::string> heaptraces = {},
             const std::string& from = "probe") {
  ItmOptions options;
  options.ports = std::move(ports);
  options.heaptraces = std::move(heaptraces);
  options.from = from;
  return plan_itm(options, "/project");
}

std::string refusal(std::vector<std::string> ports, std::vector<std::string> heaptraces = {},
                    const std::string& from = "probe") {
  try {
    plan(std::move(ports), std::move(heaptraces), from);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kUsage);
    EXPECT_NE(error.hint(), "");
    return error.message();
  }
  return "accepted";
}

TEST(ItmPlan, ShowsPorts0And1UnlessToldOtherwise) {
  EXPECT_THAT(plan({}).shown, ElementsAre(0, 1));
  EXPECT_THAT(plan({}, {"heaptrace"}).shown, ElementsAre(0, 1));
  EXPECT_THAT(plan({"3"}).shown, ElementsAre(3));
  EXPECT_THAT(plan({"2:samples.bin"}).shown, ElementsAre());
  EXPECT_THAT(plan({"0,1", "31"}).shown, ElementsAre(0, 1, 31));
}

TEST(ItmPlan, SendsPortsToFiles) {
  const ItmPlan result = plan({"0", "2:samples.bin", "1,0:/tmp/both:all"});
  ASSERT_EQ(result.files.size(), 2U);
  EXPECT_THAT(result.files[0].ports, ElementsAre(2));
  EXPECT_EQ(result.files[0].file, "/project/samples.bin");
  EXPECT_THAT(result.files[1].ports, ElementsAre(1, 0)) << "0 is shown as well, which is fine";
  EXPECT_EQ(result.files[1].file, "/tmp/both:all");
  EXPECT_EQ(result.port_mask(), 0b111U);
}

TEST(ItmPlan, RecordsHeapsOnPort31OrTheOneNamed) {
  const ItmPlan result = plan({}, {"heaptrace", "30:other", "./5:odd", "name:x"});
  ASSERT_EQ(result.heaptraces.size(), 4U);
  EXPECT_EQ(result.heaptraces[0].port, 31U);
  EXPECT_EQ(result.heaptraces[1].port, 30U);
  EXPECT_EQ(result.heaptraces[1].file, "/project/other");
  EXPECT_EQ(result.heaptraces[2].port, 31U);
  EXPECT_EQ(result.heaptraces[2].file.filename(), "5:odd");
  EXPECT_EQ(result.heaptraces[3].file, "/project/name:x");
  EXPECT_EQ(result.port_mask(), 0xC0000003U);
}

/// A project with the heaps [heap] on port 20 and [heap.dtcm] on port 30.
project::Manifest two_heaps() {
  project::Manifest project;
  project.path = "/project/Drone.toml";
  project.heap.port = 20;
  project.named_heaps = {{.name = "dtcm", .port = 30}};
  return project;
}

TEST(ItmPlan, RecordsEveryHeapOfTheProject) {
  const project::Manifest project = two_heaps();
  ItmOptions options;
  options.heaps = true;
  options.heaptraces = {"5:other"};
  const ItmPlan result = plan_itm(options, "/project/src", &project);
  ASSERT_EQ(result.heaptraces.size(), 3U);
  EXPECT_EQ(result.heaptraces[0].port, 20U);
  EXPECT_EQ(result.heaptraces[0].file, "/project/heaptrace");
  EXPECT_EQ(result.heaptraces[0].reader, "drone heap");
  EXPECT_EQ(result.heaptraces[1].port, 30U);
  EXPECT_EQ(result.heaptraces[1].file, "/project/dtcm.heaptrace");
  EXPECT_EQ(result.heaptraces[1].reader, "drone heap --heap dtcm");
  EXPECT_EQ(result.heaptraces[2].file, "/project/src/other");
  EXPECT_EQ(result.heaptraces[2].reader, "drone heap -f /project/src/other --port 5");
  EXPECT_EQ(result.port_mask(), 0x40100023U);
}

TEST(ItmPlan, RecordsThePortOfTheProjectsHeapIfNoneIsNamed) {
  const project::Manifest project = two_heaps();
  ItmOptions options;
  options.heaptraces = {"heaptrace", "31:x"};
  const ItmPlan result = plan_itm(options, "/project", &project);
  EXPECT_EQ(result.heaptraces[0].port, 20U);
  EXPECT_EQ(result.heaptraces[0].reader, "drone heap -f /project/heaptrace");
  EXPECT_EQ(result.heaptraces[1].reader, "drone heap -f /project/x --port 31");
}

TEST(ItmPlan, RecordsNoHeapsWithoutAProject) {
  ItmOptions options;
  options.heaps = true;
  try {
    plan_itm(options, "/project");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    EXPECT_THAT(error.hint(), HasSubstr("--heaptrace 31:heaptrace"));
  }
}

TEST(ItmPlan, RefusesPortsThatDoNotExist) {
  for (const char* port : {"32", "-1", "", "0,", ",0", "1,x", "0x1", " 1",
                           "1:a,b:c:", "99999999999", "+1", "x:file"}) {
    const std::string message = refusal({port});
    if (std::string_view(port) == "1:a,b:c:") {
      EXPECT_EQ(message, "accepted") << "a file's name may hold anything";
    } else {
      EXPECT_THAT(message, HasSubstr("no ITM port")) << port;
    }
  }
  EXPECT_THAT(refusal({}, {"32:file"}), HasSubstr("no ITM port '32'"));
}

TEST(ItmPlan, RefusesWhatIsNamedTwice) {
  EXPECT_THAT(refusal({"0", "0"}), HasSubstr("port 0 is to be shown twice"));
  EXPECT_THAT(refusal({"0,0"}), HasSubstr("twice"));
  EXPECT_THAT(refusal({"2,2:file"}), HasSubstr("twice"));
  EXPECT_THAT(refusal({"2:file", "3:./file"}), HasSubstr("written twice"));
  EXPECT_THAT(refusal({"2:heaptrace"}, {"heaptrace"}), HasSubstr("written twice"));
  EXPECT_EQ(refusal({"2:/dev/null", "3:/dev/null"}), "accepted");
  EXPECT_EQ(refusal({"2:a", "2:b"}), "accepted");
}

TEST(ItmPlan, RefusesAPortBehindAFile) {
  for (const char* argument : {"1,2:f,3", "2:f,3:g", "2:f,3,4"}) {
    EXPECT_THAT(refusal({argument}), HasSubstr("has a port behind a file")) << argument;
  }
  EXPECT_EQ(plan({"1,2:./f,3"}).files[0].file.filename(), "f,3");
  EXPECT_EQ(plan({"2:f,32"}).files[0].file.filename(), "f,32");
}

TEST(ItmPlan, RefusesFilesWithoutNames) {
  EXPECT_THAT(refusal({"2:"}), HasSubstr("names no file"));
  EXPECT_THAT(refusal({}, {""}), HasSubstr("names no file"));
  EXPECT_THAT(refusal({}, {"30:"}), HasSubstr("names no file"));
}

TEST(ItmPlan, KnowsItsSources) {
  EXPECT_EQ(plan({}, {}, "-").source, SourceKind::kStandardInput);
  EXPECT_EQ(plan({}, {}, "file:swo.bin").source_file, "/project/swo.bin");
  for (const char* source : {"", "file:", "files:x", "swo.bin", "probe:"}) {
    EXPECT_THAT(refusal({}, {}, source), HasSubstr("no source")) << source;
  }
  for (const char* source : {"tcp:localhost:3443", "serial:ttyUSB0@115200"}) {
    EXPECT_THAT(refusal({}, {}, source), HasSubstr("this version cannot read from '")) << source;
  }
  ItmOptions options;
  options.reset = true;
  options.from = "-";
  EXPECT_THROW(plan_itm(options, "/project"), Error);
}

TEST(ItmPlan, KnowsInputFormats) {
  const auto input = [](const std::string& format, const std::string& from) {
    ItmOptions options;
    options.input_format = format;
    options.from = from;
    return plan_itm(options, "/project").input;
  };
  EXPECT_FALSE(input("auto", "-").kind);
  EXPECT_EQ(input("itm", "-").kind, itm::InputKind::kItm);
  EXPECT_EQ(input("tpiu", "-").kind, itm::InputKind::kTpiu);
  EXPECT_EQ(input("tpiu:2", "file:swo.bin").stream_id, 2U);
  EXPECT_EQ(input("auto", "probe").kind, itm::InputKind::kItm) << "as the target is set up";
  for (const char* const wrong : {"", "ITM", "tpiu:", "tpiu:0", "tpiu:112", "payload"}) {
    EXPECT_THROW(input(wrong, "-"), Error) << wrong;
  }
  EXPECT_THROW(input("tpiu", "probe"), Error);
}

ItmPlan plan_of(const ItmOptions& options) { return plan_itm(options, "/project"); }

std::string refusal_of(const ItmOptions& options) {
  try {
    plan_of(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kUsage);
    EXPECT_NE(error.hint(), "");
    return error.message();
  }
  return "accepted";
}

TEST(ItmPlan, KeepsTheStreamInAFileThatNothingElseIsWrittenTo) {
  ItmOptions options;
  EXPECT_EQ(plan_of(options).raw, std::nullopt);
  options.raw = "swo.bin";
  EXPECT_EQ(plan_of(options).raw, "/project/swo.bin");
  options.heaptraces = {"./swo.bin"};
  EXPECT_THAT(refusal_of(options), HasSubstr("written twice"));
  options.heaptraces.clear();
  options.ports = {"2:swo.bin"};
  EXPECT_THAT(refusal_of(options), HasSubstr("written twice"));
  options.ports.clear();
  options.from = "file:swo.bin";
  EXPECT_THAT(refusal_of(options), HasSubstr("overwritten while it is read"));
  options.raw = "";
  EXPECT_THAT(refusal_of(options), HasSubstr("names no file"));
}

TEST(ItmPlan, ReadsDurations) {
  using std::chrono::milliseconds;
  ItmOptions options;
  EXPECT_EQ(plan_of(options).duration, std::nullopt);
  for (const auto& [text, ms] : {std::pair("10s", 10'000),
                                 {"500ms", 500},
                                 {"2m", 120'000},
                                 {"1h", 3'600'000},
                                 {"7", 7000},
                                 {"0010", 10'000}}) {
    options.duration = text;
    EXPECT_EQ(plan_of(options).duration, milliseconds(ms)) << text;
  }
  for (const char* text :
       {"", "s", "10 s", "10x", "-1s", "+1s", "1.5s", "1s1", "10S", "99999999999999999999"}) {
    options.duration = text;
    EXPECT_THAT(refusal_of(options), HasSubstr("is no time")) << text;
  }
  for (const char* text : {"0", "0ms"}) {
    options.duration = text;
    EXPECT_THAT(refusal_of(options), HasSubstr("of no time")) << text;
  }
  for (const char* text : {"9223372036854775807", "9000h"}) {
    options.duration = text;
    EXPECT_THAT(refusal_of(options), HasSubstr("more than a year")) << text;
  }
}

TEST(ItmPlan, CountsEventsOnlyOfRecordedHeaps) {
  ItmOptions options;
  options.events = "100";
  EXPECT_THAT(refusal_of(options), HasSubstr("none is recorded"));
  options.heaptraces = {"heaptrace"};
  EXPECT_EQ(plan_of(options).events, 100U);
  for (const char* text : {"", "0", "-1", "1k", "1.0", "99999999999999999999"}) {
    options.events = text;
    EXPECT_THAT(refusal_of(options), HasSubstr("is no number of events")) << text;
  }
}

TEST(ItmPlan, TakesAProbesStreamForBareItm) {
  EXPECT_EQ(plan({}).input.kind, itm::InputKind::kItm);
  EXPECT_EQ(plan({}, {}, "-").input.kind, std::nullopt);
}

TEST(ItmPlan, DoesNotOverwriteWhatItReads) {
  const TestFolder folder;
  write_file(folder.path() / "swo.bin", "x");
  std::filesystem::create_symlink("swo.bin", folder.path() / "link");
  ItmOptions options;
  options.from = "file:swo.bin";
  options.heaptraces = {"link"};
  EXPECT_THROW(plan_itm(options, folder.path()), Error);
}

}  // namespace
}  // namespace drone::cli
