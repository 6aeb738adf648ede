// SPDX-License-Identifier: MIT
#include "node.hpp"

#include <cstdio>
#include <string>
#include <vector>

#include "command.hpp"
#include "console.hpp"
#include "readings.hpp"
#include "sensors.hpp"

namespace {

int failures = 0;

#define CHECK(condition) check(static_cast<bool>(condition), #condition, __LINE__)

void check(bool is_true, const char* what, int line) {
  if (is_true) return;
  std::printf("node_test.cpp:%d: not so: %s\n", line, what);
  ++failures;
}

std::vector<std::string> published;

void publish(std::string_view topic, std::string_view text) {
  published.push_back(std::string(topic) + ' ' + std::string(text));
}

/// Everything that a node has to say now.
std::vector<std::string> messages(app::Node& node) {
  published.clear();
  node.publish(publish);
  return published;
}

app::Reading reading(app::Sensor sensor, std::int32_t value) {
  app::Reading made;
  made.sensor = sensor;
  made.value = value;
  return made;
}

void commands_are_parsed() {
  const auto limit = app::parse_command("limit a/temperature -3.5");
  CHECK(limit && limit->verb == app::Verb::kLimit);
  CHECK(limit && limit->topic == "a/temperature" && limit->value == -350);
  CHECK(app::parse_command("  watch   a/light  "));
  CHECK(app::parse_command("status"));
  for (const char* line :
       {"", "watch", "watch a b", "limit a", "limit a x", "Status", "status x"}) {
    CHECK(!app::parse_command(line));
  }
}

void numbers_have_up_to_two_decimals() {
  CHECK(app::parse_hundredths("0") == 0);
  CHECK(app::parse_hundredths("24.5") == 2450);
  CHECK(app::parse_hundredths("-0.05") == -5);
  CHECK(app::parse_hundredths("9999999") == 999'999'900);
  for (const char* text : {"", "-", ".", "1.", "1.234", "1..2", "--1", "1e3", "99999999999"}) {
    CHECK(!app::parse_hundredths(text));
  }
  CHECK(app::format_hundredths(2450) == "24.50");
  CHECK(app::format_hundredths(-5) == "-0.05");
}

void watched_topics_are_summarised() {
  app::Node node;
  node.execute("watch room/temperature");
  node.take(reading(app::Sensor::kTemperature, 2000));
  node.take(reading(app::Sensor::kTemperature, 2101));
  node.take(reading(app::Sensor::kHumidity, 5000));
  node.summarise();
  const auto said = messages(node);
  CHECK(said.size() == 1);
  CHECK(said.front() == "room/temperature {\"mean\":20.50,\"lowest\":20.00,\"highest\":21.01}");
  CHECK(node.queued() == 0);
  node.summarise();
  CHECK(messages(node).empty());
}

void limits_raise_one_alarm_each_time_they_are_passed() {
  app::Node node;
  node.execute("watch room/humidity");
  node.execute("limit room/humidity 60");
  for (const std::int32_t value : {5900, 6001, 6100, 5990, 6050, 5800, 6060}) {
    node.take(reading(app::Sensor::kHumidity, value));
  }
  const auto said = messages(node);
  CHECK(said.size() == 2);
  CHECK(said.front() == "room/humidity {\"alarm\":60.01}");
}

void histories_hold_the_latest_means() {
  app::Node node;
  node.execute("watch room/light");
  for (std::int32_t second = 0; second != 30; ++second) {
    node.take(reading(app::Sensor::kLight, 100 * second));
    node.summarise();
  }
  messages(node);
  const app::History& history = node.topics().find("room/light")->second.history;
  CHECK(history.size() == app::History::kLimit);
  CHECK(history.at(history.size() - 1) == 2900);
  CHECK(history.at(0) == 100 * (30 - static_cast<std::int32_t>(app::History::kLimit)));
  node.execute("history room/light");
  CHECK(messages(node).front().ends_with(",28.00,29.00]"));
}

void mistakes_are_answered() {
  app::Node node;
  for (const char* line : {"watch room/colour", "limit room/light 1", "history room/light", "x"}) {
    node.execute(line);
    CHECK(messages(node).size() == 1);
  }
}

void readings_keep_their_order() {
  app::ReadingQueue queue;
  for (const std::int32_t value : {1, 2, 3}) {
    auto added = std::make_unique<app::Reading>();
    added->value = value;
    queue.push(std::move(added));
  }
  std::int32_t expected = 1;
  for (app::Reading* next = queue.take_all(); next != nullptr;) {
    const std::unique_ptr<app::Reading> taken(next);
    next = taken->next;
    CHECK(taken->value == expected++);
  }
  CHECK(expected == 4 && queue.take_all() == nullptr);
}

/// The program's main loop without its clock: a minute of it.
void the_script_runs_without_a_mistake() {
  app::Node node;
  app::Sensors sensors;
  app::Console console;
  std::size_t lines = 0;
  for (std::uint32_t now = 10; now != 60'000; now += app::Sensors::kPeriodMs) {
    node.take(*sensors.sample(now));
    if (console.poll(now)) {
      CHECK(app::parse_command(console.line()));
      node.execute(console.line());
    }
    if (now % 1000 == 0) node.summarise();
    for (const std::string& message : messages(node)) {
      CHECK(message.find("not ") == std::string::npos);
      ++lines;
    }
  }
  CHECK(lines > 100);
}

}  // namespace

int main() {
  commands_are_parsed();
  numbers_have_up_to_two_decimals();
  watched_topics_are_summarised();
  limits_raise_one_alarm_each_time_they_are_passed();
  histories_hold_the_latest_means();
  mistakes_are_answered();
  readings_keep_their_order();
  the_script_runs_without_a_mistake();
  if (failures == 0) std::printf("all as it should be\n");
  return failures == 0 ? 0 : 1;
}
