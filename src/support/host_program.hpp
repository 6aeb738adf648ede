// SPDX-License-Identifier: MIT
#pragma once

// What kind of program a file is, as far as the dynamic loader is concerned.

#include <filesystem>

namespace drone {

enum class HostProgramKind {
  kDynamic64,  ///< ELF, and a dynamic loader starts it
  kDynamic32,
  kStatic,   ///< ELF, and the kernel starts it alone
  kForeign,  ///< ELF of another processor
  kUnknown,  ///< none of these: the kernel may know
};

struct HostProgram {
  HostProgramKind kind = HostProgramKind::kUnknown;
  std::filesystem::path file;  ///< the program itself; of a script (#!), its interpreter
};

/// Looks at the file, which must exist. Throws Error (kInput) if it cannot be read.
HostProgram inspect_host_program(const std::filesystem::path& file);

}  // namespace drone
