// SPDX-License-Identifier: MIT
#include "support/host_program.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/error.hpp"

namespace drone {
namespace {

class AHostProgram : public ::testing::Test {
 protected:
  AHostProgram() {
    std::string name = (std::filesystem::temp_directory_path() / "drone-program-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~AHostProgram() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(const std::string& name, const std::string& contents) const {
    std::ofstream(folder_ / name, std::ios::binary) << contents;
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

TEST_F(AHostProgram, ThatALoaderStartsIsDynamic) {
  const HostProgram program = inspect_host_program("/proc/self/exe");
  EXPECT_EQ(program.kind, HostProgramKind::kDynamic64);
}

TEST_F(AHostProgram, ThatIsAScriptIsItsInterpreter) {
  const auto script = file("script", "#! /bin/sh -e\necho\n");
  const HostProgram program = inspect_host_program(script);
  EXPECT_EQ(program.kind, HostProgramKind::kDynamic64);
  EXPECT_EQ(program.file, "/bin/sh");
  const auto second = file("second", "#!" + script.string() + "\n");
  EXPECT_EQ(inspect_host_program(second).file, "/bin/sh");
}

TEST_F(AHostProgram, MayBeOfAnotherProcessor) {
  std::string header(
      "\x7f"
      "ELF\x01\x01\x01",
      7);
  header.resize(52);
  header[18] = 40;  // e_machine: EM_ARM
#if defined(__aarch64__)
  header[18] = 3;  // EM_386
#endif
  EXPECT_EQ(inspect_host_program(file("firmware", header)).kind, HostProgramKind::kForeign);
}

TEST_F(AHostProgram, WithoutALoaderIsStatic) {
  std::ifstream in("/proc/self/exe", std::ios::binary);
  std::string header(64, 0);
  in.read(header.data(), 64);
  header[56] = 0;  // e_phnum
  header[57] = 0;
  EXPECT_EQ(inspect_host_program(file("static", header)).kind, HostProgramKind::kStatic);
}

TEST_F(AHostProgram, MayBeNothingThatIsKnown) {
  for (const std::string& contents :
       {std::string(),
        std::string("\x7f"
                    "EL"),
        std::string("#!"), std::string("echo 1\n"), std::string(100, 'x')}) {
    EXPECT_EQ(inspect_host_program(file("unknown", contents)).kind, HostProgramKind::kUnknown);
  }
}

TEST_F(AHostProgram, CutAnywhereIsReadWithoutFault) {
  std::ifstream in("/proc/self/exe", std::ios::binary);
  std::string begin(400, 0);  // a header, and program headers
  in.read(begin.data(), 400);
  for (std::size_t size = 0; size < begin.size(); size += 9) {
    (void)inspect_host_program(file("cut", begin.substr(0, size)));
  }
}

TEST_F(AHostProgram, ThatIsNotThereIsAnError) {
  EXPECT_THROW(inspect_host_program(folder_ / "none"), Error);
  const auto script = file("script", "#!" + (folder_ / "none").string() + "\n");
  EXPECT_THROW(inspect_host_program(script), Error);
}

}  // namespace
}  // namespace drone
