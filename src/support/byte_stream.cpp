// SPDX-License-Identifier: MIT
#include "support/byte_stream.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "support/descriptor.hpp"
#include "support/error.hpp"

namespace drone {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

void write_all(int fd, std::span<const std::byte> bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      throw Error(ExitStatus::kInput, "cannot write '" + path.string() + "': " + reason(errno));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path)
      : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_.get() < 0) {
      throw Error(ExitStatus::kInput, "cannot open '" + path.string() + "': " + reason(errno));
    }
  }

  std::size_t read(std::span<std::byte> buffer) override {
    while (true) {
      const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) {
        throw Error(ExitStatus::kInput, "cannot read '" + path_.string() + "': " + reason(errno));
      }
    }
  }

 private:
  std::filesystem::path path_;
  Descriptor fd_;
};

class FileSink final : public ByteSink {
 public:
  explicit FileSink(const std::filesystem::path& path)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (fd_.get() < 0) {
      throw Error(ExitStatus::kInput, "cannot create '" + path.string() + "': " + reason(errno));
    }
  }
  ~FileSink() override {
    try {
      flush();
    } catch (const Error&) {
      // Whoever needs to know has called flush().
    }
  }

  void write(std::span<const std::byte> bytes) override {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    if (pending_.size() >= kBufferSize) flush();
  }

  void flush() override {
    std::vector<std::byte> bytes;
    bytes.swap(pending_);  // what failed to be written once is not written twice
    write_all(fd_.get(), bytes, path_);
  }

 private:
  static constexpr std::size_t kBufferSize = 1 << 16;
  std::filesystem::path path_;
  Descriptor fd_;
  std::vector<std::byte> pending_;
};

}  // namespace

std::size_t MemorySource::read(std::span<std::byte> buffer) {
  const std::size_t n = std::min({buffer.size(), bytes_.size() - position_, chunk_size_});
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(position_), n, buffer.begin());
  position_ += n;
  return n;
}

void MemorySink::write(std::span<const std::byte> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path) {
  return std::make_unique<FileSource>(path);
}

std::unique_ptr<ByteSink> create_sink(const std::filesystem::path& path) {
  return std::make_unique<FileSink>(path);
}

std::string read_file(const std::filesystem::path& path) {
  FileSource source(path);
  std::string text;
  std::vector<std::byte> buffer(1 << 16);
  while (const std::size_t n = source.read(buffer)) {
    text.append(reinterpret_cast<const char*>(buffer.data()), n);
  }
  return text;
}

void check_file_is_writable(const std::filesystem::path& named) {
  std::error_code failure;
  const auto type = std::filesystem::status(named, failure).type();
  if (type != std::filesystem::file_type::not_found && type != std::filesystem::file_type::none &&
      type != std::filesystem::file_type::regular) {
    throw Error(ExitStatus::kInput, "cannot write '" + named.string() + "': it is no regular file");
  }
  // Renaming asks for the folder's permission only, and root may do anything.
  struct stat old {};
  constexpr mode_t kAnyWrite = S_IWUSR | S_IWGRP | S_IWOTH;
  if (::stat(named.c_str(), &old) == 0 &&
      ((old.st_mode & kAnyWrite) == 0 || ::access(named.c_str(), W_OK) != 0)) {
    throw Error(ExitStatus::kInput, "cannot write '" + named.string() + "': it is read-only",
                "chmod u+w makes it writable, if it is yours");
  }
}

void write_file(const std::filesystem::path& named, std::string_view text) {
  check_file_is_writable(named);
  // What a link names is replaced, not the link; and never a device or a pipe.
  std::error_code failure;
  const std::filesystem::path followed = std::filesystem::weakly_canonical(named, failure);
  const std::filesystem::path& path = failure ? named : followed;
  struct stat old {};
  const bool is_there = ::stat(path.c_str(), &old) == 0;
  std::string temporary = path.string() + ".XXXXXX";
  const Descriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) {
    throw Error(ExitStatus::kInput, "cannot create '" + path.string() + "': " + reason(errno));
  }
  try {
    mode_t mode = old.st_mode & 07777U;
    if (!is_there) {
      const mode_t mask = ::umask(0);
      ::umask(mask);
      mode = 0666U & ~mask;
    }
    write_all(fd.get(), std::as_bytes(std::span(text)), path);
    if (::fchmod(fd.get(), mode) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
      throw Error(ExitStatus::kInput, "cannot write '" + path.string() + "': " + reason(errno));
    }
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

}  // namespace drone
