// SPDX-License-Identifier: MIT
#pragma once

// A stream that something else has captured, or captures right now: a file, a FIFO, standard input.

#include <filesystem>
#include <memory>

#include "probe/probe.hpp"

namespace drone::probe {

/// Reads the file at `path`, decompressed if it is compressed (zstd, gzip, xz); a FIFO is waited
/// for without blocking: its descriptor becomes readable once something writes to it. Throws Error
/// (kInput).
std::unique_ptr<SwoStream> open_file_stream(const std::filesystem::path& path);

/// Reads standard input.
std::unique_ptr<SwoStream> standard_input_stream();

}  // namespace drone::probe
