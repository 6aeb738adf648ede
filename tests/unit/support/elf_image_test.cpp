// SPDX-License-Identifier: MIT
#include "support/elf_image.hpp"

#include <gmock/gmock.h>

#include "support/byte_stream.hpp"
#include "support/error.hpp"
#include "support/test_elf.hpp"
#include "support/test_folder.hpp"

namespace drone {
namespace {

using test::make_elf;
using test::TestFolder;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr std::uint32_t kFlash = 0x08000000;

class ElfImageTest : public ::testing::Test {
 protected:
  ElfImage load(const std::string& contents) const {
    write_file(path(), contents);
    return load_elf_image(path());
  }
  static Error refusal(const std::filesystem::path& path) {
    try {
      load_elf_image(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::kInput);
      EXPECT_NE(error.hint(), "");
      return error;
    }
    ADD_FAILURE() << "it was accepted";
    return Error(ExitStatus::kDone, "");
  }
  std::string refusal_of(const std::string& contents) const {
    write_file(path(), contents);
    return refusal(path()).message();
  }
  std::filesystem::path path() const { return folder_.path() / "node.elf"; }

  TestFolder folder_;
};

TEST_F(ElfImageTest, HasTheLoadableSegments) {
  std::string file = make_elf(kFlash, 3);
  file.replace(file.size() - 3, 3, "abc");
  const ElfImage image = load(file);
  EXPECT_EQ(image.entry, kFlash | 1);
  ASSERT_EQ(image.segments.size(), 1U);
  EXPECT_EQ(image.segments[0].address, kFlash);
  EXPECT_EQ(image.segments[0].bytes, (std::vector{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}}));
}

TEST_F(ElfImageTest, AFileThatIsCutAtAnyByteIsRefused) {
  const std::string file = make_elf(kFlash, 40);
  for (std::size_t length = 0; length != file.size(); ++length) {
    const std::string why = refusal_of(file.substr(0, length));
    EXPECT_THAT(why, HasSubstr(length < EI_NIDENT ? "is not an ELF file" : "is cut off")) << length;
  }
  EXPECT_NO_THROW(load(file));
}

TEST_F(ElfImageTest, SaysForWhichMachineAProgramIsInstead) {
  const auto with = [](std::size_t offset, char value) {
    std::string file = make_elf(kFlash, 40);
    file[offset] = value;
    return file;
  };
  const std::size_t machine = offsetof(Elf32_Ehdr, e_machine);
  static_assert(EM_RISCV < 0x100 && EM_ARM < 0x100 && EM_386 < 0x100);
  EXPECT_THAT(refusal_of(with(machine, static_cast<char>(EM_RISCV))), HasSubstr("RISC-V"));
  EXPECT_THAT(refusal_of(with(machine, EM_386)), HasSubstr("a program for x86, not"));
  EXPECT_THAT(refusal_of(with(EI_DATA, ELFDATA2MSB)), HasSubstr("big-endian"));
  EXPECT_THAT(refusal_of(with(offsetof(Elf32_Ehdr, e_type), ET_REL)), HasSubstr("not linked"));
  EXPECT_THAT(refusal("/proc/self/exe").message(), HasSubstr("64-bit program for"));
}

TEST_F(ElfImageTest, NumbersThatPointAnywhereAreRefused) {
  const std::size_t segment = sizeof(Elf32_Ehdr);
  for (const std::size_t offset :
       {offsetof(Elf32_Ehdr, e_phoff), segment + offsetof(Elf32_Phdr, p_offset),
        segment + offsetof(Elf32_Phdr, p_filesz), segment + offsetof(Elf32_Phdr, p_paddr)}) {
    std::string file = make_elf(kFlash, 40);
    file.replace(offset, 4, 4, '\xFF');
    EXPECT_NE(refusal_of(file), "") << offset;
  }
}

TEST_F(ElfImageTest, OnlyAFileOfASaneSizeIsRead) {
  EXPECT_THAT(refusal("/dev/zero").message(), EndsWith("is no regular file"));
  EXPECT_THAT(refusal(folder_.path()).message(), EndsWith("is a folder, not an ELF file"));
  EXPECT_EQ(refusal(path()).message(), "there is no file '" + path().string() + "'");
  EXPECT_THAT(refusal(path()).hint(), HasSubstr("just build"));
  write_file(path(), make_elf(kFlash, 40));
  std::filesystem::resize_file(path(), std::uintmax_t{1} << 40);
  EXPECT_THAT(refusal(path()).message(), HasSubstr("too many for a microcontroller's program"));
}

TEST_F(ElfImageTest, WhatIsTooMuchCountsTheSegmentsBehindTheEnd) {
  const ElfImage image{kFlash,
                       {{kFlash, std::vector<std::byte>(100)},
                        {kFlash + 100, std::vector<std::byte>(36)},
                        {0x20000000, std::vector<std::byte>(4)}}};
  for (const std::uint32_t size : {64U, 100U, 120U}) {
    const std::vector<AddressRange> ranges{{"flash", kFlash, size}, {"ram", 0x20000000, 64}};
    try {
      check_elf_fits(image, ranges, "a");
      ADD_FAILURE();
    } catch (const Error& error) {
      if (size != 100) {
        EXPECT_THAT(error.message(), HasSubstr("it takes 136 bytes")) << size;
      }
    }
  }
}

TEST_F(ElfImageTest, TheRangeThatIsTooSmallIsNamed) {
  const ElfImage image = load(make_elf(kFlash, 100));
  EXPECT_NO_THROW(check_elf_fits(image, std::vector<AddressRange>{{"flash", kFlash, 100}}, "a"));
  for (const auto& [range, message] :
       {std::pair(AddressRange{"flash", kFlash, 99}, "does not fit flash"),
        std::pair(AddressRange{"flash", 0, 99}, "where the device has no memory")}) {
    try {
      check_elf_fits(image, std::vector{range}, "a");
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_THAT(error.message(), HasSubstr(message));
    }
  }
}

std::vector<ElfNote> notes_of(const std::filesystem::path& path, const std::string& section) {
  write_file(path, test::with_notes(make_elf(kFlash, 40), section));
  return load_elf_notes(path);
}

TEST_F(ElfImageTest, HasTheNotesOfItsSections) {
  const std::string section =
      test::make_note("GNU", 3, "id") + test::make_note("Drone", 1, "12345");
  const std::vector<ElfNote> notes = notes_of(path(), section);
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[0].owner, "GNU");
  EXPECT_EQ(notes[0].type, 3U);
  EXPECT_EQ(notes[1].owner, "Drone");
  EXPECT_EQ(notes[1].type, 1U);
  ASSERT_EQ(notes[1].description.size(), 5U);
  EXPECT_EQ(notes[1].description[4], std::byte{'5'});

  write_file(path(), make_elf(kFlash, 40));
  EXPECT_TRUE(load_elf_notes(path()).empty()) << "a file without sections has none";
}

TEST_F(ElfImageTest, NotesThatDoNotFitTheirSectionAreLeftOut) {
  const std::string section =
      test::make_note("GNU", 3, "uuid") + test::make_note("Drone", 1, "1234");
  const std::size_t first = test::make_note("GNU", 3, "uuid").size();
  for (std::size_t length = 0; length != section.size(); ++length) {
    EXPECT_EQ(notes_of(path(), section.substr(0, length)).size(), length < first ? 0U : 1U)
        << length;
  }
  for (const std::size_t number : {0U, 4U}) {  // sizes of name and description
    std::string wrong = section;
    wrong.replace(first + number, 4, 4, '\xFF');
    EXPECT_EQ(notes_of(path(), wrong).size(), 1U);
  }
}

TEST_F(ElfImageTest, SectionHeadersThatPointAnywhereHaveNoNotes) {
  const std::string whole = test::with_notes(make_elf(kFlash, 40), test::make_note("Drone", 1, ""));
  const std::size_t section = whole.size() - sizeof(Elf32_Shdr);
  for (const std::size_t offset :
       {offsetof(Elf32_Ehdr, e_shoff), section + offsetof(Elf32_Shdr, sh_offset),
        section + offsetof(Elf32_Shdr, sh_size)}) {
    std::string file = whole;
    file.replace(offset, 4, 4, '\xFF');
    write_file(path(), file);
    EXPECT_TRUE(load_elf_notes(path()).empty()) << offset;
  }
}

}  // namespace
}  // namespace drone
