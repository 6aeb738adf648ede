// SPDX-License-Identifier: MIT
#include "project/new_project.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <numeric>
#include <sstream>

#include "cli/new.hpp"
#include "cli/print.hpp"
#include "project/templates.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(ProjectName, IsTheFoldersWhereThatServes) {
  EXPECT_EQ(project_name("node"), "node");
  EXPECT_EQ(project_name("my-node_2"), "my-node_2");
  EXPECT_EQ(project_name("my node.v2"), "my_node_v2");
  EXPECT_EQ(project_name("2nd"), "_2nd");
  EXPECT_EQ(project_name("-x"), "_-x");
  EXPECT_EQ(project_name("\"$(x)\""), "___x__");
  EXPECT_EQ(project_name("..."), "firmware");
  EXPECT_EQ(project_name(""), "firmware");
}

TEST(DefaultHeap, SharesAllItsBytesOut) {
  for (const std::uint32_t ram : {8U * 1024, 16U * 1024, 128U * 1024}) {
    const HeapSection heap = default_heap(ram);
    EXPECT_LE(heap.size * 2, ram + ram / 4 * 2);
    const std::uint32_t used = std::accumulate(
        heap.pools.begin(), heap.pools.end(), 0U,
        [](std::uint32_t sum, auto pool) { return sum + pool.block_size * pool.capacity; });
    EXPECT_EQ(used, heap.size);
    for (const heap::PoolSpec& pool : heap.pools) EXPECT_GE(pool.capacity, 1U);
  }
}

class NewProjectTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_); }
  void TearDown() override {
    fs::permissions(root_, fs::perms::owner_all);
    fs::remove_all(root_);
  }

  MadeProject make(const fs::path& folder, std::string_view device = "stm32f407vg") {
    NewProject wanted;
    wanted.folder = root_ / folder;
    wanted.device = *find_device(device);
    return make_project(wanted, installed_templates());
  }

  /// What lies in a folder, not what lies below.
  std::vector<std::string> entries(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root_ / folder)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  fs::path root_ = fs::path(testing::TempDir()) / ("new_project." + std::to_string(::getpid()));
};

TEST_F(NewProjectTest, HasAValidManifestForEveryDevice) {
  for (const Device& device : devices()) {
    SCOPED_TRACE(device.name);
    const MadeProject made = make(device.name, device.name);
    const Manifest manifest = load_manifest(root_ / device.name / "Drone.toml");
    EXPECT_EQ(manifest.device, device.name);
    EXPECT_EQ(manifest.core, device.core);
    EXPECT_EQ(manifest.memory.at("flash").size, device.flash_size);
    EXPECT_EQ(manifest.memory.at("ram").origin, device.ram_origin);
    EXPECT_EQ(manifest.itm.clock, device.trace_clock_hz);
    EXPECT_EQ(made.manifest.path, root_ / device.name / "Drone.toml");
  }
}

TEST_F(NewProjectTest, IsMadeWithTheFoldersAboveIt) {
  const MadeProject made = make("a/b/node");
  EXPECT_EQ(made.name, "node");
  for (const char* file : {"Drone.toml", "Justfile", "CMakeLists.txt", "CMakePresets.json",
                           "link.ld", ".gitignore", "src/heap.cpp", "cmake/arm-none-eabi.cmake"}) {
    EXPECT_THAT(made.files, Contains(fs::path(file)));
    EXPECT_TRUE(fs::is_regular_file(root_ / "a/b/node" / file)) << file;
  }
  for (const fs::path& file : made.files) {
    EXPECT_THAT(read_file(root_ / "a/b/node" / file), Not(HasSubstr("SPDX"))) << file;
  }
  EXPECT_THAT(entries("a/b/node"), Not(Contains(HasSubstr(".drone-new"))));
}

TEST_F(NewProjectTest, MayFillAnEmptyFolder) {
  fs::create_directory(root_ / "node");
  EXPECT_EQ(make("node/").name, "node");
  EXPECT_TRUE(fs::exists(root_ / "node/Justfile"));
}

TEST_F(NewProjectTest, LeavesAFolderAloneThatHoldsAnything) {
  fs::create_directory(root_ / "node");
  std::ofstream(root_ / "node/x") << "mine";
  EXPECT_THROW(make("node"), Error);
  EXPECT_THAT(entries("node"), testing::ElementsAre("x"));
  EXPECT_THROW(make("node/x"), Error);
  EXPECT_EQ(read_file(root_ / "node/x"), "mine");
}

TEST_F(NewProjectTest, LeavesNothingBehindWhenATemplateIsBroken) {
  const fs::path templates = root_ / "templates";
  fs::create_directories(templates / "project");
  std::ofstream(templates / "project/A.txt") << "fine";
  std::ofstream(templates / "project/Z.txt") << "@unknown@";
  NewProject wanted;
  wanted.folder = root_ / "a/b/node";
  wanted.device = *find_device("cortex-m3");
  EXPECT_THROW(make_project(wanted, templates), Error);
  EXPECT_FALSE(fs::exists(root_ / "a"));

  fs::create_directory(root_ / "empty");
  wanted.folder = root_ / "empty";
  EXPECT_THROW(make_project(wanted, templates), Error);
  EXPECT_THAT(entries("empty"), IsEmpty());
}

TEST_F(NewProjectTest, SaysWhenAFolderCannotBeMade) {
  std::ofstream(root_ / "file") << "";
  EXPECT_THROW(make("file/node"), Error);
}

TEST_F(NewProjectTest, NeedsMemoryForTheProgram) {
  NewProject wanted;
  wanted.folder = root_ / "node";
  wanted.device = *find_device("cortex-m3");
  wanted.device.ram_size = 4096;
  EXPECT_THROW(make_project(wanted, installed_templates()), Error);
  wanted.device.ram_size = 0xF0000000;
  EXPECT_THROW(make_project(wanted, installed_templates()), Error);
  EXPECT_FALSE(fs::exists(root_ / "node"));
}

TEST_F(NewProjectTest, SaysWhyAFolderCannotBeMade) {
  std::ofstream(root_ / "file") << "";
  fs::create_symlink("nowhere", root_ / "dangling");
  const auto message = [&](const std::string& folder) {
    try {
      make(folder);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::kInput);
      return error.message();
    }
    return std::string("made");
  };
  EXPECT_THAT(message(std::string(300, 'n')), HasSubstr("File name too long"));
  EXPECT_THAT(message("file/x"), HasSubstr("/file': it exists and is not a folder"));
  EXPECT_THAT(message("file/x/y"), HasSubstr("/file': it exists and is not a folder"));
  EXPECT_THAT(message("dangling"), HasSubstr("symbolic link to nothing"));
  EXPECT_THAT(message("file"), HasSubstr("exists and is not a folder"));
}

TEST_F(NewProjectTest, RefusesNamesThatCannotBeBuilt) {
  for (const char c : std::string("\"$`;#:|\n\\\x7f")) {
    for (const std::string& name : {std::string("a") + c + 'b', std::string("a") + c + "/node"}) {
      try {
        make(name);
        ADD_FAILURE() << "made " << name;
      } catch (const Error& error) {
        EXPECT_EQ(error.status(), ExitStatus::kUsage);
        EXPECT_THAT(error.message(), Not(HasSubstr("\n")));
        EXPECT_THAT(error.message(), c == '\n'     ? HasSubstr("the control character 0x0a")
                                     : c == '\x7f' ? HasSubstr("the control character 0x7f")
                                                   : HasSubstr(std::string("the character ") + c));
      }
    }
  }
  EXPECT_THAT(entries("."), IsEmpty());
  for (const char* name : {"my node", "k\u00fcche", "-x", "it's"}) make(name);
}

class NewCommand : public NewProjectTest {
 protected:
  static cli::NewOptions options_for(std::string device, std::string probe = "emulator") {
    cli::NewOptions options;
    options.path = "node";
    options.device = std::move(device);
    options.probe = std::move(probe);
    return options;
  }

  Error failure(const cli::NewOptions& options) {
    try {
      cli::run_new(options, environment_);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "made";
    return Error(ExitStatus::kDone, "");
  }

  std::ostringstream out_;
  std::ostringstream err_;
  cli::Environment environment_{.out = out_, .err = err_, .directory = root_};
};

TEST_F(NewCommand, SaysWhatItMadeAndWhatComesNext) {
  cli::NewOptions options = options_for("stm32f103rb");
  options.ram_size = "16K";
  EXPECT_EQ(cli::run_new(options, environment_), ExitStatus::kDone);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), HasSubstr("made node: "));
  EXPECT_THAT(err_.str(), HasSubstr("cd node\n"));
  EXPECT_EQ(load_manifest(root_ / "node/Drone.toml").memory.at("ram").size, 16U * 1024);
}

TEST_F(NewCommand, RefusesWhatItDoesNotKnow) {
  Error error = failure(options_for("stm32f407"));
  EXPECT_EQ(error.status(), ExitStatus::kUsage);
  EXPECT_THAT(error.hint(), HasSubstr("stm32f407vg"));
  error = failure(options_for("stm32f407vg", "openodc"));
  EXPECT_EQ(error.status(), ExitStatus::kUsage);
  EXPECT_THAT(error.hint(), HasSubstr("\"openocd\"?"));
  cli::NewOptions options = options_for("stm32f407vg");
  options.ram_size = "lots";
  error = failure(options);
  EXPECT_EQ(error.status(), ExitStatus::kUsage);
  EXPECT_THAT(entries("."), IsEmpty());
}

TEST_F(NewCommand, QuotesTheFolderForTheShell) {
  const auto next = [&](const char* path) {
    err_.str("");
    cli::NewOptions options = options_for("stm32f407vg");
    options.path = path;
    cli::run_new(options, environment_);
    return err_.str();
  };
  EXPECT_THAT(next("my node"), HasSubstr("  cd 'my node'\n"));
  EXPECT_THAT(next("-x"), HasSubstr("  cd ./-x\n"));
  EXPECT_THAT(next("it's"), HasSubstr("  cd 'it'\\''s'\n"));
  EXPECT_THAT(next("k\u00fcche"), HasSubstr("  cd k\u00fcche\n"));
}

TEST_F(NewCommand, NeedsAName) {
  cli::NewOptions options = options_for("stm32f407vg");
  options.path = "";
  EXPECT_EQ(failure(options).status(), ExitStatus::kUsage);
  EXPECT_THAT(entries("."), IsEmpty());
}

TEST_F(NewCommand, NamesTheOptionWhoseMemoryCannotBe) {
  cli::NewOptions options = options_for("cortex-m3");
  options.flash_size = "4095M";
  Error error = failure(options);
  EXPECT_EQ(error.status(), ExitStatus::kUsage);
  EXPECT_THAT(error.message(), HasSubstr("overlap"));
  EXPECT_EQ(error.hint(), "--flash-size at most 536870912");
  options = options_for("stm32f407vg");
  options.ram_size = "4000M";
  error = failure(options);
  EXPECT_EQ(error.status(), ExitStatus::kUsage);
  EXPECT_THAT(error.hint(), HasSubstr("--ram-size at most"));
  EXPECT_THAT(entries("."), IsEmpty());
}

TEST_F(NewCommand, SaysThatAProbeIsNotInThisVersion) {
  cli::run_new(options_for("stm32f407vg", "jlink"), environment_);
  EXPECT_THAT(err_.str(), HasSubstr("note: "));
  EXPECT_EQ(load_manifest(root_ / "node/Drone.toml").probe.interface, ProbeInterface::kJLink);
}

TEST_F(NewCommand, MakesAProjectThatPrintWorksIn) {
  cli::run_new(options_for("stm32f407vg"), environment_);
  environment_.directory = root_ / "node/src";
  cli::run_print(cli::Printable::kHeader, environment_);
  EXPECT_THAT(out_.str(), HasSubstr("kTraceClockKhz = 16000;"));
  out_.str("");
  cli::run_print(cli::Printable::kMemory, environment_);
  EXPECT_THAT(out_.str(), HasSubstr("ORIGIN = 0x20000000, LENGTH = 0x20000"));
}

TEST_F(NewCommand, IsWhatPrintOutsideAProjectRecommends) {
  try {
    cli::run_print(cli::Printable::kHeader, environment_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    EXPECT_THAT(error.hint(), HasSubstr("drone new"));
  }
}

TEST_F(NewCommand, KnowsWhatPrintLists) {
  cli::run_print(cli::Printable::kDevices, environment_);
  for (const Device& device : devices()) {
    EXPECT_THAT(out_.str(), HasSubstr('\n' + std::string(device.name) + ' '));
  }
  out_.str("");
  cli::run_print(cli::Printable::kProbes, environment_);
  for (const ProbeInterfaceInfo& probe : probe_interfaces()) {
    EXPECT_THAT(out_.str(), HasSubstr('\n' + std::string(probe.name) + ' '));
  }
}

}  // namespace
}  // namespace drone::project
