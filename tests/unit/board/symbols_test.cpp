// SPDX-License-Identifier: MIT
#include "board/symbols.hpp"

#include <gtest/gtest.h>

namespace drone::board {
namespace {

TEST(Symbols, ShortTemplateArgumentsStay) {
  EXPECT_EQ(shorten_template_arguments("std::vector<int>::push_back(int&&)"),
            "std::vector<int>::push_back(int&&)");
  EXPECT_EQ(shorten_template_arguments("main"), "main");
  EXPECT_EQ(shorten_template_arguments(""), "");
}

TEST(Symbols, LongTemplateArgumentsAreLeftOut) {
  EXPECT_EQ(shorten_template_arguments(
                "drone::heap::Heap<kHeapLayout, drone::heaptrace::ItmTracer<kHeapLayout, 25000u, "
                "drone::cortex_m::StimulusPort<31u> > >::reallocate(void*, unsigned int)"),
            "drone::heap::Heap<...>::reallocate(void*, unsigned int)");
  EXPECT_EQ(
      shorten_template_arguments("void run<(anonymous namespace)::Task, (1>2), &(x->y)>(int)"),
      "void run<...>(int)");
  EXPECT_EQ(shorten_template_arguments("f(std::map<std::string, std::string, Less> const&)"),
            "f(std::map<...> const&)");
}

TEST(Symbols, OperatorsBeginNoTemplateArguments) {
  for (const char* name :
       {"operator<(Identification const&, Identification const&)", "Iterator::operator->() const",
        "operator<<(Stream&, Identification const&)", "A::operator<=>(A const&) const",
        "operator>>(Stream&, Identification&)"}) {
    EXPECT_EQ(shorten_template_arguments(name), name);
  }
  EXPECT_EQ(shorten_template_arguments("bool operator< <std::basic_string<char>, int>(int)"),
            "bool operator< <...>(int)");
  EXPECT_EQ(shorten_template_arguments("std::function<void (unsigned int, void*)>::operator()()"),
            "std::function<...>::operator()()");
}

TEST(Symbols, UnbalancedNamesAreTakenToo) {
  EXPECT_EQ(shorten_template_arguments("f<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "f<...>");
  EXPECT_EQ(shorten_template_arguments("a>b)>"), "a>b)>");
  EXPECT_EQ(shorten_template_arguments("f<"), "f<");
}

}  // namespace
}  // namespace drone::board
