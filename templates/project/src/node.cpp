// SPDX-License-Identifier: MIT
#include "node.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <utility>

namespace app {
namespace {

constexpr std::string_view kNodeTopic = "node";

/// How far below its limit a value must fall before the next alarm, in hundredths: noise is no
/// news.
constexpr std::int32_t kHysteresis = 100;

/// What a topic's name says after its last slash.
std::optional<Sensor> sensor_of(std::string_view topic) {
  const std::string_view quantity = topic.substr(topic.find_last_of('/') + 1);
  if (quantity == "temperature") return Sensor::kTemperature;
  if (quantity == "humidity") return Sensor::kHumidity;
  if (quantity == "light") return Sensor::kLight;
  if (quantity == "vibration") return Sensor::kVibration;
  return std::nullopt;
}

/// A frame's value is its mean amplitude.
std::int32_t value_of(const Reading& reading) {
  if (reading.sample_count == 0) return reading.value;
  std::int32_t sum = 0;
  for (const std::int16_t sample : reading.frame()) sum += std::abs(sample);
  return sum / reading.sample_count;
}

void add_field(std::string& text, std::string_view name, std::string_view value) {
  text += text.empty() ? "{\"" : ",\"";
  text += name;
  text += "\":";
  text += value;
}

}  // namespace

std::string format_hundredths(std::int32_t value) {
  char text[16];
  const long magnitude = std::labs(static_cast<long>(value));
  const int size = std::snprintf(text, sizeof text, "%s%ld.%02ld", value < 0 ? "-" : "",
                                 magnitude / 100, magnitude % 100);
  return {text, static_cast<std::size_t>(size)};
}

void History::add(std::int32_t value) {
  if (size_ == kLimit) {
    std::copy(values_.get() + 1, values_.get() + size_, values_.get());
    --size_;
  }
  if (size_ == capacity_) {
    const std::size_t capacity = capacity_ + 2;
    void* grown = std::realloc(values_.get(), capacity * sizeof(std::int32_t));
    if (grown == nullptr) return;  // this value is not kept
    (void)values_.release();
    values_.reset(static_cast<std::int32_t*>(grown));
    capacity_ = capacity;
  }
  values_[size_++] = value;
}

void Node::take(const Reading& reading) {
  ++readings_;
  const std::int32_t value = value_of(reading);
  for (auto& [name, topic] : topics_) {
    if (topic.sensor != reading.sensor) continue;
    topic.lowest = topic.count == 0 ? value : std::min(topic.lowest, value);
    topic.highest = topic.count == 0 ? value : std::max(topic.highest, value);
    topic.sum += value;
    ++topic.count;
    if (value > topic.limit && !topic.is_above_limit) {
      topic.is_above_limit = true;
      queue(name, "{\"alarm\":" + format_hundredths(value) + '}');
    } else if (value <= topic.limit - kHysteresis) {
      topic.is_above_limit = false;
    }
  }
}

void Node::execute(std::string_view line) {
  const std::optional<Command> command = parse_command(line);
  if (!command) {
    queue(kNodeTopic, "not a command: " + std::string(line));
    return;
  }
  switch (command->verb) {
    case Verb::kWatch:
      watch(command->topic);
      break;
    case Verb::kForget:
      topics_.erase(command->topic);
      break;
    case Verb::kLimit:
      set_limit(*command);
      break;
    case Verb::kHistory:
      report_history(command->topic);
      break;
    case Verb::kStatus:
      report_status();
      break;
  }
}

void Node::watch(const std::string& name) {
  const std::optional<Sensor> sensor = sensor_of(name);
  if (!sensor) {
    queue(kNodeTopic, "no sensor for " + name);
    return;
  }
  // A topic that is watched already begins anew.
  topics_.erase(name);
  topics_[name].sensor = *sensor;
}

void Node::set_limit(const Command& command) {
  const auto topic = topics_.find(command.topic);
  if (topic == topics_.end()) {
    queue(kNodeTopic, "not watched: " + command.topic);
    return;
  }
  topic->second.limit = command.value;
}

void Node::report_history(const std::string& name) {
  const auto topic = topics_.find(name);
  if (topic == topics_.end()) {
    queue(kNodeTopic, "not watched: " + name);
    return;
  }
  std::string text = "[";
  const History& history = topic->second.history;
  for (std::size_t i = 0; i != history.size(); ++i) {
    if (i != 0) text += ',';
    text += format_hundredths(history.at(i));
  }
  text += ']';
  queue(name, std::move(text));
}

void Node::report_status() {
  std::string text;
  add_field(text, "topics", std::to_string(topics_.size()));
  add_field(text, "readings", std::to_string(readings_));
  add_field(text, "messages", std::to_string(messages_));
  add_field(text, "lost", std::to_string(lost_));
  text += '}';
  queue(kNodeTopic, std::move(text));
}

void Node::summarise() {
  for (auto& [name, topic] : topics_) {
    if (topic.count == 0) continue;
    const auto mean = static_cast<std::int32_t>(topic.sum / topic.count);
    topic.history.add(mean);
    std::string text;
    add_field(text, "mean", format_hundredths(mean));
    add_field(text, "lowest", format_hundredths(topic.lowest));
    add_field(text, "highest", format_hundredths(topic.highest));
    text += '}';
    queue(name, std::move(text));
    topic.sum = 0;
    topic.count = 0;
  }
}

void Node::publish(Publish hand_over) {
  for (const Message& message : queue_) hand_over(message.topic, message.text);
  queue_.clear();
}

void Node::queue(std::string_view topic, std::string text) {
  ++messages_;
  queue_.push_back({std::string(topic), std::move(text)});
}

}  // namespace app
