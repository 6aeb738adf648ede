// SPDX-License-Identifier: MIT
// Thermostats as objects with listeners; a schedule that is parsed, changed and written again.

var state = 7;
function random(n) {
  state = (state * 16807) % 2147483647;
  return state % n;
}

function Room(name) {
  this.name = name;
  this.listeners = [];
  this.history = [];
}
Room.prototype.on = function (listener) { this.listeners.push(listener); };
Room.prototype.report = function (temperature) {
  var event = { room: this.name, temperature: temperature, at: this.history.length };
  this.history.push(event);
  if (this.history.length > 12) this.history.shift();
  for (var i = 0; i < this.listeners.length; ++i) this.listeners[i](event);
};

var actions = {};
var rooms = [];
for (var i = 0; i < 9; ++i) {
  var room = new Room("room" + i);
  room.on(function (event) {
    if (event.temperature < 18) actions[event.room] = { heat: true, since: event.at };
  });
  room.on(function (event) {
    if (event.temperature > 22) delete actions[event.room];
  });
  rooms.push(room);
}

var schedule = "";
for (var step = 0; step < 900; ++step) {
  rooms[random(rooms.length)].report(15 + random(10));
  if (step % 30 === 0) {
    var entries = schedule === "" ? [] : schedule.split(";");
    entries.push("set " + step + " " + Object.keys(actions).join(","));
    if (entries.length > 10) entries.shift();
    schedule = entries.join(";");
  }
}
print(schedule.length);
