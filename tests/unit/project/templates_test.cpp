// SPDX-License-Identifier: MIT
#include "project/templates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace drone::project {
namespace {

using testing::HasSubstr;

const TemplateValues kValues{{"name", "node"}, {"heap_size", "10K"}, {"empty", ""}};

std::string instantiate(std::string_view text) {
  return project::instantiate(text, kValues, "templates/x");
}

TEST(Template, HasItsNamesReplaced) {
  EXPECT_EQ(instantiate("a @name@.elf of @heap_size@@name@\n"), "a node.elf of 10Knode\n");
  EXPECT_EQ(instantiate("[@empty@]"), "[]");
  EXPECT_EQ(instantiate(""), "");
}

TEST(Template, KeepsEveryOtherAtSign) {
  for (const char* text : {"@", "@@", "@just --list", "a@b.c", "@ name@", "@Name@", "x@", "@name",
                           "{{name}} ${name} @\n@"}) {
    EXPECT_EQ(instantiate(text), text);
  }
  EXPECT_EQ(instantiate("@x-@name@"), "@x-node");
}

TEST(Template, LosesItsLicenceLine) {
  EXPECT_EQ(instantiate("# SPDX-License-Identifier: MIT\nproject(@name@)\n"), "project(node)\n");
  EXPECT_EQ(instantiate("a\n# SPDX-License-Identifier: MIT\n"),
            "a\n# SPDX-License-Identifier: MIT\n");
}

TEST(Template, WithAnUnknownNameIsRefused) {
  try {
    instantiate("@nmae@");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    EXPECT_THAT(error.message(), HasSubstr("templates/x"));
    EXPECT_THAT(error.message(), HasSubstr("@nmae@"));
  }
}

TEST(Templates, StandBesideTheProgramInTheBuildTree) {
  EXPECT_TRUE(std::filesystem::exists(installed_templates() / "project/CMakeLists.txt"));
}

}  // namespace
}  // namespace drone::project
